package firewall

// lookup looks for a register in a set, or for its verdict or data in a map.
type lookup struct {
	set    string
	source int
	not    bool
	// target is what to do with what the map has.
	target   lookupTarget
	register int // for targetData
}

type lookupTarget uint8

const (
	targetNone lookupTarget = iota
	targetVerdict
	targetData
)

func (x lookup) eval(r *run) match {
	s := r.table.sets[x.set]
	if s == nil || s.unread {
		r.unclear = r.unclear || r.looked
		if x.target == targetVerdict {
			return opaque{ends: true, blind: true}.eval(r)
		}
		r.forget()
		return maybe
	}
	found, hits := s.find(r.test(x.source, s.keyBytes()))
	r.unclear = r.unclear || s.fickle && r.looked
	switch {
	case x.not:
		return found.not()
	case found == no:
		return no
	case x.target == targetVerdict:
		x.decide(r, s, hits)
	case x.target == targetData:
		r.put(x.register, dataOf(hits, registerBytes-x.register))
	}
	return found
}

// dataOf is what holds of the data of all elements, with room for room bytes; how
// long it is is not known where they do not agree.
func dataOf(hits []*element, room int) word {
	data := unknown(room)
	for i, e := range hits {
		switch {
		case len(e.data) == 0, i > 0 && len(e.data) != len(data):
			return unknown(room)
		case i == 0:
			data = constant(e.data...)
		}
		data = data.join(constant(e.data...))
	}
	return data
}

func (x lookup) decide(r *run, s *set, hits []*element) {
	if s.fickle {
		opaque{ends: true, blind: true}.eval(r)
	}
	for _, e := range hits {
		r.verdicts = append(r.verdicts, e.verdict)
	}
}

// keyBytes is the length of the set's keys.
func (s *set) keyBytes() int {
	for i := range s.elements {
		if !s.elements[i].every {
			return len(s.elements[i].from)
		}
	}
	return 0
}

func (x lookup) tell(s *speech) string {
	set := s.table.sets[x.set]
	what := s.phrase(x.source, set)
	switch {
	case x.target == targetData:
		s.name(x.register, field{name: what + " map @" + x.set, show: showHex})
		return ""
	case x.target == targetVerdict:
		return what + " vmap " + s.set(x, set)
	case x.not:
		return what + " != " + s.set(x, set)
	default:
		return what + " " + s.set(x, set)
	}
}
