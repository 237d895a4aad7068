package firewall

import "slices"

// passage is what became of a packet on its course.
type passage struct {
	trace  trace
	passed bool // false: surely it was dropped
	mark   mark // by which it was routed
}

// arrive is the passage of a packet that comes in, to this host or on to another.
func (r Ruleset) arrive(p packet, tos octet) passage {
	j := newJourney(p, established, state{markKnown: ^uint32(0), tos: tos})
	j.travel(r.between(stageIngress, stagePrerouting))
	routed := join(j.ways)
	j.travel(r.between(stageInput, stageForward))
	j.travel(r.between(stagePostrouting, stagePostrouting))
	return j.passage(routed)
}

// leave is the passage of one that this host sends, with mark 0.
func (r Ruleset) leave(p packet, tos octet) passage {
	return r.send(p, state{markKnown: ^uint32(0), tos: tos})
}

// leaveMarked is the passage of one that its socket marked.
func (r Ruleset) leaveMarked(p packet, tos octet) passage { return r.send(p, state{tos: tos}) }

// send is the passage of one that is routed anew, if at all, by the last chain of type
// route.
func (r Ruleset) send(p packet, s state) passage {
	j := newJourney(p, established, s)
	bases := r.between(stageOutput, stagePostrouting)
	last := len(bases)
	for last > 0 && (!bases[last-1].base.routes || !bases[last-1].table.meets(p.ipv6)) {
		last--
	}
	for 0 < last && last < len(bases) && bases[last].base.together(bases[last-1].base) {
		last++
	}
	j.travel(bases[:last])
	routed := join(j.ways)
	j.travel(bases[last:])
	return j.passage(routed)
}

func (j *journey) passage(routed state) passage {
	j.trace.known = nil
	return passage{j.trace, routed.reached, routed.packetMark()}
}

func (p passage) equals(o passage) bool {
	return p.passed == o.passed && p.mark == o.mark && slices.Equal(p.trace.events, o.trace.events)
}

// effect is what a rule does to the mark, or to that of the connection, as far as it
// matters, or a turn by which the packet came to it.
type effect struct {
	site    site
	left    mark  // with the connection
	is      match // of the packet
	end     bool  // that is of all rules together
	turn    verdict
	how     matches
	unclear bool
}

func (e event) turned() effect { return effect{site: e.site, turn: e.turn, how: e.how} }

// collect is what look finds in events, and the turns before that in the same base
// chain.
func (p passage) collect(look func(event) (effect, bool)) (all []effect) {
	turns := make(map[*chain][]effect)
	for _, e := range p.trace.events {
		if e.turn != (verdict{}) {
			turns[e.base] = append(turns[e.base], e.turned())
		} else if found, ok := look(e); ok {
			all = append(append(all, turns[e.base]...), found)
			delete(turns, e.base)
		}
	}
	return all
}

// turns are all that the packet took.
func (p passage) turns() (all []effect) {
	for _, e := range p.trace.events {
		if e.turn != (verdict{}) {
			all = append(all, e.turned())
		}
	}
	return all
}

// effects are what rules do that decides whether the packet's mark is the one by which
// it is routed, and after the last one, whether it is.
func (p passage) effects(value, mask uint32) []effect {
	last := p.trace.lastRouted()
	all := p.collect(func(e event) (effect, bool) {
		return effect{site: e.site, is: e.write.mark().is(value, mask), how: e.how, unclear: e.unclear},
			!e.write.connection && e.matters(value, mask) && e.base.base.before(last)
	})
	if len(all) > 0 {
		all = append(all, effect{site: all[len(all)-1].site, is: p.mark.is(value, mask), end: true})
	}
	return all
}

// leavings are the marks that rules leave with the connection.
func (p passage) leavings() []effect {
	return p.collect(func(e event) (effect, bool) {
		return effect{site: e.site, left: e.write.mark(), how: e.how, unclear: e.unclear}, e.write.connection
	})
}

// lastRouted is the last chain of type route that changes the mark of the packet, which
// is routed anew then; nil: none.
func (t trace) lastRouted() (last *base) {
	for _, e := range t.events {
		b := e.base.base
		if b.routes && !e.write.connection && e.turn == (verdict{}) && (last == nil || b.priority > last.priority) {
			last = b
		}
	}
	return last
}

// before reports whether the packet is routed when it has met the chain, or later: one
// that comes in after prerouting, one that leaves after the last chain that has it
// routed anew.
func (b *base) before(last *base) bool {
	if b.stage != stageOutput {
		return b.stage <= stagePrerouting
	}
	return last != nil && b.priority <= last.priority
}

// matters reports whether writing the mark may change whether it is the one.
func (e event) matters(value, mask uint32) bool {
	same := e.before.known & e.write.known &^ (e.before.value ^ e.write.value)
	if e.write.changed&mask&^same == 0 {
		return false
	}
	before, after := e.before.is(value, mask), e.write.mark().is(value, mask)
	return before != after || after == maybe
}
