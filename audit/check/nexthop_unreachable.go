package check

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"ptbrelay/audit/host"
)

// nexthopUnreachable looks for next hops that do not answer. A neighbour that the
// kernel has not asked of late (none, stale) is no fault, and neither is a link
// without carrier that nothing but its own network lies behind, as of a bridge
// without ports.
func nexthopUnreachable(f *Facts) []Finding {
	if err := cmp.Or(f.Routes.Err, f.Links.Err); err != nil {
		return []Finding{unknown(err, "Whether flows are sent to a next hop that is gone, and die, is not known.")}
	}
	routes := f.Routes.Value
	stranded := strandedWays(routes)
	var found []Finding
	for _, w := range routes.Ways {
		fault := wayFault(w)
		if fault == "" || !w.Gateway.IsValid() && !w.Default {
			continue
		}
		found = append(found, f.unreachable(w, fault, w.Only > 0 || stranded[wayOf(w)]))
	}
	if cut(routes, routes.Ways) {
		found = append(found, leftOut("next hops"))
	}
	return orOK(found, fmt.Sprintf("routing and neighbour tables: %d ways, by next hops and on the link, none failed, incomplete, dead or without link", len(routes.Ways)))
}

// wayFault is what is wrong with a next hop in the kernel's words, empty: nothing.
func wayFault(w host.Way) string {
	var faults []string
	if s := w.Neighbour.State; s == host.NeighbourFailed || s == host.NeighbourIncomplete {
		faults = append(faults, "neighbour "+s.String())
	}
	if w.Dead {
		faults = append(faults, "dead")
	}
	if w.LinkDown {
		faults = append(faults, "linkdown")
	}
	return strings.Join(faults, ", ")
}

// way is what tells next hops apart.
type way struct {
	gateway netip.Addr
	link    int
}

func wayOf(w host.Way) way { return way{w.Gateway, w.Interface} }

// strandedWays are the next hops of default routes of a family and table that has
// none without fault.
func strandedWays(routes host.Routes) map[way]bool {
	faulty := map[way]bool{}
	for _, w := range routes.Ways {
		faulty[wayOf(w)] = wayFault(w) != ""
	}
	type table struct {
		ipv6   bool
		number uint32
	}
	alive := map[table]bool{}
	each := func(visit func(table, way)) {
		for _, r := range routes.Default {
			for _, h := range r.NextHops {
				visit(table{r.Destination.Addr().Is6(), r.Table}, way{h.Gateway, h.Interface})
			}
		}
	}
	each(func(t table, w way) { alive[t] = alive[t] || !faulty[w] })
	stranded := map[way]bool{}
	each(func(t table, w way) { stranded[w] = stranded[w] || !alive[t] })
	return stranded
}

// unreachable is the finding about a next hop; last: nothing works in its place.
func (f *Facts) unreachable(w host.Way, fault string, last bool) Finding {
	found := Finding{
		Severity: Warning,
		Subject:  f.nextHopName(w.Gateway, w.Interface),
		Read:     fmt.Sprintf("routing and neighbour tables: %s; routes by it: %d, with no other next hop: %d", fault, w.Routes, w.Only),
		Why:      "Flows that are sent this way die while others live on; ping may show nothing.",
		Mend:     f.takeOut(w),
	}
	if last {
		found.Severity = Error
		found.Why = "No other way to what lies behind it works: repair it, or route by another."
		found.Mend = ""
	} else if found.Mend == "" {
		found.Why += " Repair it, or take it out of its routes."
	}
	return found
}

// takeOut is the command that takes a next hop out of the default routes, which
// have others; empty where no command does only that.
func (f *Facts) takeOut(w host.Way) string {
	var commands []string
	for _, r := range f.Routes.Value.Default {
		if !slices.ContainsFunc(r.NextHops, func(h host.NextHop) bool {
			return way{h.Gateway, h.Interface} == wayOf(w)
		}) {
			continue
		}
		// Only of IPv6 routes can one of several next hops be deleted, and those of
		// a nexthop object are not the route's own.
		if r.Object != 0 || len(r.NextHops) > 1 && r.Destination.Addr().Is4() {
			return ""
		}
		commands = append(commands, fmt.Sprintf("%s route del default %s %s",
			ipCommand(r.Destination.Addr()), hop(w.Gateway, shellWord(f.linkName(w.Interface))), routeKey(r)))
	}
	return strings.Join(commands, " && ")
}
