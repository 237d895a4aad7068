package firewall

// set is a set, or a map to verdicts or data.
type set struct {
	elements []element
	// fields are the lengths of what a key is put together from; empty: it is one.
	fields []int
	// fickle: packets add to the set and its elements pass; unread: there are too
	// many, or they are not understood.
	fickle, unread bool
}

// element is one key or a range of them.
type element struct {
	from, to []byte
	// every: matches what no other element does.
	every bool
	// conditional: it has a condition of its own.
	conditional bool
	// verdict or data is what a map has for the key.
	verdict verdict
	data    []byte
}

// find reports whether a key is in the set, and the elements that it may be.
func (s *set) find(key word) (found match, hits []*element) {
	var rest *element
	for i := range s.elements {
		e := &s.elements[i]
		if e.every {
			rest = e
			continue
		}
		m := s.holds(e, key)
		if m == no {
			continue
		}
		hits = append(hits, e)
		found = max(found, m)
	}
	if rest != nil && found != yes {
		hits = append(hits, rest)
		found = yes
		if rest.conditional {
			found = maybe
		}
	}
	if s.fickle {
		found = maybe
	}
	return found, hits
}

// holds reports whether the key is the element's.
func (s *set) holds(e *element, key word) match {
	if len(e.from) != len(key) {
		return maybe
	}
	m := yes
	if len(s.fields) == 0 {
		m = key.among(e.from, e.to)
	}
	at := 0
	for _, n := range s.fields {
		end := min(at+n, len(key))
		m = m.and(key[at:end].among(e.from[at:end], e.to[at:end]))
		at = min(at+padded(n), len(key))
	}
	if e.conditional {
		m = m.and(maybe)
	}
	return m
}

// among is within, or equals where the bounds are one.
func (w word) among(from, to []byte) match {
	if string(from) == string(to) {
		return w.equals(from)
	}
	return w.within(from, to)
}
