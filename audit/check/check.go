package check

// Check is one thing that can be wrong with a host.
type Check struct {
	ID      string
	examine func(*Facts) []Finding
}

// All are the checks, in the order that their findings are shown in.
func All() []Check {
	return []Check{
		{"route-mtu-tag", routeMTUTag},
		{"nexthop-unreachable", nexthopUnreachable},
		{"nexthop-unexpected", nexthopUnexpected},
		{"local-route-missing", localRouteMissing},
		{"vip-subnet-router-anycast", vipSubnetRouterAnycast},
		{"vip-not-here", vipNotHere},
		{"listens-on-vip", listensOnVIP},
		{"source-selection-cost", sourceSelectionCost},
		{"ecn-multipath", ecnMultipath},
		{"rp-filter", rpFilter},
		{"broadcast-dropped", broadcastDropped},
		{"pmtu-disabled", pmtuDisabled},
		{"pmtu-floor", pmtuFloor},
		{"mtu-probing", mtuProbing},
		{"conntrack-invalid-drop", conntrackInvalidDrop},
		{"icmp-filtered", icmpFiltered},
		{"bpf-before-us", bpfBeforeUs},
		{"ipv6-multipath-exceptions", ipv6MultipathExceptions},
		{"nflog-busy", nflogBusy},
		{"exceptions-full", exceptionsFull},
		{"clock", clock},
		{"counters", counters},
	}
}

// Examine has every check look at the facts. Each has at least one finding.
func Examine(f *Facts) []Finding {
	var all []Finding
	for _, c := range All() {
		all = append(all, c.Examine(f)...)
	}
	return all
}

// Examine is what this check says of the facts, the one finding that all is well
// or that nothing is known among it.
func (c Check) Examine(f *Facts) []Finding {
	found := c.examine(f)
	for i := range found {
		found[i].ID = c.ID
	}
	return found
}
