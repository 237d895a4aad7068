package firewall

// site is where a packet is dropped: a rule, or the policy of its chain.
type site struct {
	chain *chain
	rule  *rule // nil: the policy, or what why says
	why   string
}

// ends are the ways in which rules may end for a packet, each with its state.
type ends struct {
	on     state // to the next rule
	back   state // to the chain that jumped here
	accept state
	// first and last are where it may be dropped; nil: nowhere. The last one is
	// met only by what came past all others.
	first, last *site
}

func drop(s *site) ends { return ends{first: s, last: s} }

// add takes over all ways but on.
func (e *ends) add(o ends) {
	e.back = e.back.join(o.back)
	e.accept = e.accept.join(o.accept)
	if e.first == nil {
		e.first = o.first
	}
	if o.last != nil {
		e.last = o.last
	}
}

// merge takes over all ways.
func (e *ends) merge(o ends) {
	e.on = e.on.join(o.on)
	e.add(o)
}

// anything is what rules may do that are not known.
func anything(s state, where *site) ends {
	s.markKnown, s.mark, s.tos, s.rewritten = 0, 0, octet{}, true
	if s.track.connected() != s.track {
		s.track |= untracked
	}
	return ends{on: s, back: s, accept: s, first: where, last: where}
}
