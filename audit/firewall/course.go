package firewall

// course is a way that packets take, in or out.
type course struct {
	any passage // of one whose TOS byte may be any
	// each is of one with each TOS byte; empty where no rule looks at it, or there are
	// too many rules.
	each []passage
}

const everyTOS = 1 << 8

// mostTried is how many rules are walked for all TOS bytes together.
const mostTried = 1 << 21

func (r Ruleset) course(ipv6 bool, walk func(packet, octet) passage) course {
	p := packet{ipv6: ipv6, entrance: anywhere(), segment: &segment{}}
	c := course{any: walk(p, octet{})}
	if !c.any.trace.looked || c.tooLong() {
		return c
	}
	for tos := range everyTOS {
		c.each = append(c.each, walk(p, octet{value: byte(tos), known: 0xff}))
	}
	return c
}

func (c course) tooLong() bool { return c.any.trace.rules > mostTried/everyTOS }

// byECN compares the effects on packets that differ in their ECN bits alone. One that
// does not get anywhere is no matter.
func (c course) byECN(effects func(passage) []effect) Deed {
	for tos, one := range c.each {
		other := c.each[tos&^ecnBits]
		if !one.passed || !other.passed {
			continue
		}
		if at := difference(effects(one), effects(other)); at != nil {
			return at.deed(Surely)
		}
	}
	return c.unclear(effects(c.any))
}

// unclear is what may make a difference in a way that is not understood.
func (c course) unclear(effects []effect) Deed {
	all := c.any.trace
	for _, e := range effects {
		switch {
		case e.unclear, all.looked && c.tooLong():
			return e.site.deed(Perhaps)
		case all.unclear != nil:
			return all.unclear.deed(Perhaps)
		}
	}
	return Deed{}
}

// difference is the rule of an effect that only one side has; nil: there is none.
func difference(a, b []effect) *site {
	if at := lacking(a, b); at != nil {
		return at
	}
	return lacking(b, a)
}

// lacking is the rule of the first effect that is not among the others.
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
