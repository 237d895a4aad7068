package firewall

// assign puts data into a register.
type assign struct {
	register int
	data     []byte
}

func (x assign) eval(r *run) match {
	r.put(x.register, constant(x.data...))
	return yes
}

func (x assign) tell(s *speech) string {
	s.name(x.register, field{name: showFlags(x.data), bytes: len(x.data), show: showFlags})
	return ""
}

// decision ends the rule.
type decision struct{ verdict verdict }

func (d decision) eval(r *run) match {
	r.verdicts = []verdict{d.verdict}
	return yes
}

func (d decision) tell(*speech) string { return d.verdict.String() }

// reject drops the packet and tells its sender so.
type reject struct{}

func (reject) eval(r *run) match {
	r.verdicts = []verdict{{kind: verdictDrop}}
	return yes
}

func (reject) tell(*speech) string { return "reject" }

// idle does nothing to the packet.
type idle struct{ text string }

func (idle) eval(*run) match       { return yes }
func (x idle) tell(*speech) string { return x.text }

// absent is a match that holds of no PTB, and perhaps of other packets.
type absent struct{ text string }

func (absent) eval(r *run) match {
	if r.segment == nil {
		return no
	}
	return maybe
}

func (x absent) tell(*speech) string { return x.text }

// opaque is what is not understood. Where it ends a rule it may do so in any way.
type opaque struct {
	text string
	ends bool
	// blind: surely it does not look at the TOS byte.
	blind bool
}

func (x opaque) eval(r *run) match {
	r.forget()
	r.unclear = r.unclear || !x.blind
	if x.ends {
		r.state = anything(r.state, nil).on
		r.wrote = &anyMark
		r.verdicts = []verdict{{kind: verdictAccept}, {kind: verdictDrop}, {kind: verdictContinue}, {kind: verdictReturn}}
	}
	return maybe
}

func (x opaque) tell(*speech) string { return x.text }

// hash fills a register with a number made of others.
type hash struct{}

func (hash) eval(r *run) match {
	r.forget()
	r.unclear = r.unclear || r.looked
	return maybe
}

func (hash) tell(*speech) string { return "hash …" }
