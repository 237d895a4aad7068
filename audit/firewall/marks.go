package firewall

// Marks is what rules make the marks of packets of, by which routing rules may send
// them one way or another: packets of any connection of one IP version, which
// conntrack, where it is at work, knows as established.
type Marks struct {
	courses []course
	legacy  Deed
}

// Marks tells what rules make marks of. Where any of them looks at the TOS byte that
// takes the longer the more rules there are, up to a second or two.
func (r Ruleset) Marks(ipv6 bool) Marks {
	return Marks{
		courses: []course{r.course(ipv6, r.arrive), r.course(ipv6, r.leave), r.course(ipv6, r.leaveMarked)},
		legacy:  r.legacyDeed(ipv6, "mangle", "raw"),
	}
}

// ByECN is whether rules have the ECN bits of packets decide if their mark, in the bits
// of mask, is the one of value: those of the packet itself, or of one before it that
// left a mark with the connection. It is not seen where the rule that looks at them
// surely does nothing but what rules that depend on other things may do too. What
// programs or other means than the packet filter mark packets by is not known.
func (m Marks) ByECN(value, mask uint32) Deed {
	perhaps := m.legacy
	for _, c := range m.courses {
		if c.any.mark.is(value, mask) != maybe {
			continue // it is so whatever the TOS byte
		}
		deeds := []Deed{c.byECN(func(p passage) []effect { return p.effects(value, mask) })}
		if c.any.trace.recalled&mask != 0 {
			deeds = append(deeds, m.left()...)
		}
		for _, d := range deeds {
			switch d.Likelihood {
			case Surely:
				return d
			case Perhaps:
				perhaps = d
			case Never:
			}
		}
	}
	return perhaps
}

// left is what packets leave with their connections by their ECN bits.
func (m Marks) left() (deeds []Deed) {
	for _, c := range m.courses {
		deeds = append(deeds, c.byECN(passage.leavings))
	}
	return deeds
}
