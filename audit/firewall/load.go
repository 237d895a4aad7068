package firewall

// load puts a field of the packet into a register.
type load struct {
	register int
	field    field
}

// field is what a rule can ask about a packet.
type field struct {
	name  string
	bytes int
	show  func([]byte) string
	// read is what is known of it; no where the packet has none, which ends the
	// rule. nil: nothing is known.
	read func(r *run) (word, match)
}

func (l load) eval(r *run) match {
	if l.field.read == nil {
		r.put(l.register, unknown(l.field.bytes))
		return maybe
	}
	w, m := l.field.read(r)
	r.put(l.register, w)
	return m
}

func (l load) tell(s *speech) string {
	s.name(l.register, l.field)
	return ""
}

// sure is a field that every packet has.
func sure(read func(r *run) word) func(r *run) (word, match) {
	return func(r *run) (word, match) { return read(r), yes }
}

// ofPTB is a field that is known of PTBs only.
func ofPTB(w word) func(r *run) (word, match) {
	return sure(func(r *run) word {
		if r.segment != nil {
			return unknown(len(w))
		}
		return w
	})
}

func ofOrigin(o *origin) func(r *run) (word, match) {
	return sure(func(*run) word { return o.word() })
}
