package firewall

import "slices"

// course is a way that packets take, in or out.
type course struct {
	any passage // of one whose TOS byte may be any
	// pairs differ in more than that; none where no rule looks at the TOS byte, or there
	// are too many rules.
	pairs []pair
	// kept is how many events they have; cut: not all were kept.
	kept int
	cut  bool
}

// pair are the passages of two packets of which one has ECN bits, and all else is the
// same.
type pair struct{ with, without passage }

const (
	everyTOS = 1 << 8
	everyECN = 1 << 2
	// mostTried is how many rules are walked for all TOS bytes together.
	mostTried = 1 << 19
	// mostKept bounds the events that are kept of all passages.
	mostKept = 1 << 15
)

func (r Ruleset) course(ipv6 bool, walk func(packet, octet) passage) course {
	p := packet{ipv6: ipv6, entrance: anywhere(), segment: &segment{}}
	c := course{any: walk(p, octet{})}
	if !c.any.trace.looked {
		return c
	}
	if c.cut = c.any.trace.rules > mostTried/everyTOS; c.cut {
		return c
	}
	for dscp := 0; dscp < everyTOS; dscp += everyECN {
		without := walk(p, octet{value: byte(dscp), known: 0xff})
		for ecn := 1; ecn < everyECN; ecn++ {
			c.keep(pair{walk(p, octet{value: byte(dscp | ecn), known: 0xff}), without})
		}
	}
	return c
}

// keep keeps a pair that differs, unless one like it has been. A packet that does not get
// anywhere is no matter.
func (c *course) keep(p pair) {
	like := func(o pair) bool { return p.with.equals(o.with) && p.without.equals(o.without) }
	if !p.with.passed || !p.without.passed || p.with.equals(p.without) || slices.ContainsFunc(c.pairs, like) {
		return
	}
	if c.kept += len(p.with.trace.events) + len(p.without.trace.events); c.kept > mostKept {
		c.cut = true
		return
	}
	c.pairs = append(c.pairs, p)
}

// byECN compares the effects on packets that differ in their ECN bits alone.
func (c course) byECN(effects func(passage) []effect) Deed {
	for _, p := range c.pairs {
		with, without := effects(p.with), effects(p.without)
		at := lacking(with, append(without, p.without.turns()...))
		if at == nil {
			at = lacking(without, append(with, p.with.turns()...))
		}
		if at != nil {
			return at.deed(Surely)
		}
	}
	return c.unclear(effects(c.any))
}

// unclear is what may make a difference in a way that is not understood.
func (c course) unclear(effects []effect) Deed {
	for _, e := range effects {
		switch {
		case e.unclear, c.cut:
			return e.site.deed(Perhaps)
		case c.any.trace.unclear != nil:
			return c.any.trace.unclear.deed(Perhaps)
		}
	}
	return Deed{}
}

// lacking is the rule of the first effect that is not among the others; nil: there is
// none.
func lacking(effects, others []effect) *site {
	among := make(map[effect]bool, len(others))
	for _, e := range others {
		among[e] = true
	}
	for i := range effects {
		if !among[effects[i]] {
			return &effects[i].site
		}
	}
	return nil
}
