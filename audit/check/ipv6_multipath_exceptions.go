package check

import "fmt"

// ipv6MultipathExceptions looks for IPv6 default routes with several next hops:
// the kernel keeps a path MTU with the one that it chose (ip6_update_pmtu in
// net/ipv6/route.c), where for IPv4 it keeps it with all (__ip_rt_update_pmtu in
// net/ipv4/route.c).
func ipv6MultipathExceptions(f *Facts) []Finding {
	if f.Routes.Err != nil {
		return []Finding{unknown(f.Routes.Err, "Whether the kernel learns IPv6 path MTUs on one next hop of several is not known.")}
	}
	routes := f.Routes.Value
	var found []Finding
	for _, r := range routes.Default {
		if r.Destination.Addr().Is6() && len(r.NextHops) > 1 {
			found = append(found, Finding{
				Severity: Info,
				Subject:  routeName(r),
				Read:     fmt.Sprintf("routing tables: %d next hops", len(r.NextHops)),
				Why:      "The kernel keeps an IPv6 path MTU with one next hop only: other flows to the same client learn it anew, each by a PTB of its own.",
			})
		}
	}
	if cut(routes, routes.Default) {
		found = append(found, leftOut("default routes"))
	}
	return orOK(found, "routing tables: no IPv6 default route with several next hops")
}
