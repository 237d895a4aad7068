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
	return passage{j.trace, routed.reached, routed.packetMark()}
}

// leave is the passage of one that this host sends, whose socket may have marked it. It
// is routed anew, if at all, by the last chain of type route.
func (r Ruleset) leave(p packet, tos octet) passage {
	j := newJourney(p, established, state{tos: tos})
	bases := r.between(stageOutput, stagePostrouting)
	last := len(bases)
	for last > 0 && !(bases[last-1].base.routes && bases[last-1].table.meets(p.ipv6)) {
		last--
	}
	for 0 < last && last < len(bases) && bases[last].base.together(bases[last-1].base) {
		last++
	}
	j.travel(bases[:last])
	routed := join(j.ways)
	j.travel(bases[last:])
	return passage{j.trace, routed.reached, routed.packetMark()}
}

// effect is what a rule does to the mark, or to that of the connection, as far as it
// matters, or a turn by which the packet came to it.
type effect struct {
	site    site
	left    mark  // with the connection
	is      match // of the packet
	end     bool  // that is of all rules together
	turn    turn
	unclear bool
}

// collect is what look finds in events, and the turns before that in the same base
// chain.
func (p passage) collect(look func(event) (effect, bool)) (all []effect) {
	turns := make(map[*chain][]effect)
	for _, e := range p.trace.events {
		if e.turn != (turn{}) {
			turns[e.base] = append(turns[e.base], effect{site: e.site, turn: e.turn})
		} else if found, ok := look(e); ok {
			all = append(append(all, turns[e.base]...), found)
			delete(turns, e.base)
		}
	}
	return all
}

// effects are what rules do that decides whether the packet's mark is the one by which
// it is routed, and after the last one, whether it is: one that surely has an effect
// differs in that from one that may.
func (p passage) effects(value, mask uint32) []effect {
	all := p.collect(func(e event) (effect, bool) {
		return effect{site: e.site, is: e.write.mark().is(value, mask), unclear: e.unclear},
			!e.write.connection && e.matters(value, mask) && p.trace.routes(e.base.base)
	})
	if len(all) > 0 {
		all = append(all, effect{site: all[len(all)-1].site, is: p.mark.is(value, mask), end: true})
	}
	return all
}

// leavings are the marks that rules leave with the connection.
func (p passage) leavings() []effect {
	return p.collect(func(e event) (effect, bool) {
		return effect{site: e.site, left: e.write.mark(), unclear: e.unclear}, e.write.connection
	})
}

// routes reports whether the packet is routed after it has met the chain. One that is
// leaving is so only where a chain of type route changes its mark, then or later.
func (t trace) routes(b *base) bool {
	if b.stage != stageOutput {
		return b.stage <= stagePrerouting
	}
	return slices.ContainsFunc(t.events, func(e event) bool {
		return e.base.base.routes && !e.write.connection && e.base.base.priority >= b.priority
	})
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
