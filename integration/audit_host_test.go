package integration

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/audit"
	"ptbrelay/integration/lab"
)

// taggedRoutes are routes beside those of the lab, to nowhere that matters: what a
// report must say of them.
var taggedRoutes = []audit.TaggedRoute{
	{Prefix: "198.18.0.0/16", Table: 254, MTU: 1300, Locked: true, AdvMSS: 1260},
	{Prefix: "198.19.0.0/16", Table: 100, AdvMSS: 1220},
	{Prefix: "2001:db8:100::/48", Table: 254, MTU: 1280},
}

// tagRoutes adds them to a server, by way of the router.
func tagRoutes(t testing.TB, l *lab.Lab, server *lab.Node) {
	t.Helper()
	for _, r := range taggedRoutes {
		if err := server.Handle().RouteAdd(taggedRoute(t, l, r)); err != nil {
			t.Fatalf("add %+v: %v", r, err)
		}
	}
}

// taggedRoute is a route of the first server's as the kernel gets it.
func taggedRoute(t testing.TB, l *lab.Lab, r audit.TaggedRoute) *netlink.Route {
	t.Helper()
	prefix := netip.MustParsePrefix(r.Prefix)
	return &netlink.Route{
		Dst:     &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())},
		Gw:      l.RouterAddr(lab.FamilyOf(prefix.Addr()), 0).AsSlice(),
		Table:   int(r.Table),
		MTU:     int(r.MTU),
		MTULock: r.Locked,
		AdvMSS:  int(r.AdvMSS),
	}
}

// routesOf are all routes of a family on a node but those that it has learned.
func routesOf(t testing.TB, n *lab.Node, family int) (routes []netlink.Route) {
	t.Helper()
	all, err := n.Handle().RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(r netlink.Route) bool { return r.Flags&unix.RTM_F_CLONED != 0 })
}

// checkHost compares what a report says of a server with the kernel's own word, by
// another library.
func checkHost(t testing.TB, server *lab.Node, h *audit.Host) {
	t.Helper()
	if len(h.Errors) != 0 || len(h.Findings) == 0 {
		t.Errorf("not read: %q; %d findings", h.Errors, len(h.Findings))
	}
	links, err := server.Handle().LinkList()
	if err != nil {
		t.Fatal(err)
	}
	var interfaces []audit.Interface
	for _, l := range links {
		a := l.Attrs()
		interfaces = append(interfaces, audit.Interface{Name: a.Name, MTU: uint32(a.MTU), Up: a.Flags&net.FlagUp != 0})
	}
	if diff := gocmp.Diff(interfaces, h.Interfaces); diff != "" {
		t.Errorf("interfaces, -kernel +reported:\n%s", diff)
	}
	if four, six := len(routesOf(t, server, unix.AF_INET)), len(routesOf(t, server, unix.AF_INET6)); h.Routes.IPv4 != four || h.Routes.IPv6 != six {
		t.Errorf("%d and %d routes, the kernel has %d and %d", h.Routes.IPv4, h.Routes.IPv6, four, six)
	}
	tagged := slices.SortedFunc(slices.Values(h.Routes.Tagged), func(a, b audit.TaggedRoute) int { return cmp.Compare(a.Prefix, b.Prefix) })
	if diff := gocmp.Diff(taggedRoutes, tagged); diff != "" || h.Routes.LeftOut != 0 {
		t.Errorf("tagged routes, -want +got:\n%s; %d left out", diff, h.Routes.LeftOut)
	}
	checkExceptions(t, server, h)
}

// checkExceptions compares counts of path MTUs, all of which the lab made 1400.
func checkExceptions(t testing.TB, server *lab.Node, h *audit.Host) {
	t.Helper()
	for i, f := range lab.Families() {
		want, err := server.Exceptions(f)
		if err != nil {
			t.Fatal(err)
		}
		got := h.Exceptions[i]
		if want == 0 || got.Family != f.String() || got.Samples != uint64(want) || len(got.Counts) != 1 || got.Counts[0].MTU != 1400 {
			t.Errorf("%v path MTUs: %+v, the kernel has %d", f, got, want)
		}
	}
}

// countersOf are those of a server's kernel, with the sum that a report has.
func countersOf(t testing.TB, server *lab.Node) map[string]uint64 {
	t.Helper()
	c, err := server.Counters()
	if err != nil {
		t.Fatal(err)
	}
	c["TcpActiveOpens+TcpPassiveOpens"] = c["TcpActiveOpens"] + c["TcpPassiveOpens"]
	return c
}

// checkCounters compares a report's counters with the kernel's before and after it,
// and their rates with what they can be: the report's time is shorter than took.
func checkCounters(t testing.TB, r *audit.Report, before, after map[string]uint64, took time.Duration) {
	t.Helper()
	moved := make(map[string]bool)
	for _, c := range r.Host.Counters {
		want, ok := after[c.Name]
		if !ok || c.Value != want {
			t.Errorf("%s is %d, the kernel says %d, %v", c.Name, c.Value, want, ok)
		}
		grown := float64(after[c.Name] - before[c.Name])
		least, most := grown/took.Seconds(), grown/r.Seconds
		if c.PerSecond < least || c.PerSecond > most {
			t.Errorf("%s grows by %v a second, %v of %v to %v s are %v to %v", c.Name, c.PerSecond, grown, r.Seconds, took, least, most)
		}
		moved[c.Name] = grown > 0
	}
	for _, name := range []string{"IcmpInDestUnreachs", "Icmp6InPktTooBigs", "TcpActiveOpens+TcpPassiveOpens", "TcpRetransSegs"} {
		if !moved[name] {
			t.Errorf("%s did not move", name)
		}
	}
	if len(r.Host.Counters) < 9 {
		t.Errorf("only %d counters", len(r.Host.Counters))
	}
}
