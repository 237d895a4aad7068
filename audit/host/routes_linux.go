package host

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// ReadRoutes asks the kernel for the routing tables of the network namespace
// that the calling thread is in, for the neighbours that routes go by and for
// the addresses of interfaces. It needs no privilege, and memory for what
// [Routes] holds, however many routes there are. Tables that change meanwhile
// are no error.
func ReadRoutes() (Routes, error) {
	s, err := openStream(unix.NETLINK_ROUTE)
	if err != nil {
		return Routes{}, err
	}
	defer s.Close()
	r, err := readRoutes(s)
	if err != nil {
		return Routes{}, fmt.Errorf("read routes: %w", err)
	}
	return r, nil
}

// readRoutes dumps in the order that each needs the one before: routes name
// objects, and neighbours matter where a route goes by them. An address counts
// where it is there before and after the routes are read, so that one which comes
// or goes meanwhile is not one without its route.
func readRoutes(s *stream) (Routes, error) {
	var tables tables
	var before, after addresses
	restless := false
	for _, d := range []struct {
		name       string
		kind, want uint16
		header     int
		collector  collector
	}{
		{"nexthop objects", unix.RTM_GETNEXTHOP, unix.RTM_NEWNEXTHOP, nhmsgBytes, &tables.objects},
		{"addresses", unix.RTM_GETADDR, unix.RTM_NEWADDR, ifaddrmsgBytes, &before},
		{"routing tables", unix.RTM_GETROUTE, unix.RTM_NEWROUTE, rtmsgBytes, &tables},
		{"addresses", unix.RTM_GETADDR, unix.RTM_NEWADDR, ifaddrmsgBytes, &after},
		{"neighbours", unix.RTM_GETNEIGH, unix.RTM_NEWNEIGH, ndmsgBytes, neighbours{&tables.ways}},
	} {
		whole, err := s.dump(d.kind, d.want, make([]byte, d.header), d.collector)
		if err != nil {
			return Routes{}, fmt.Errorf("%s: %w", d.name, err)
		}
		restless = restless || !whole
	}
	r := tables.result()
	r.Addresses, r.Restless = before.alsoIn(after), restless
	return r, nil
}

// tables collects the routes of all tables and both families.
type tables struct {
	objects objects
	ways    ways
	route   FIBRoute // memory for the one that is looked at

	ipv4, ipv6              int
	defaults, tagged, byTOS kept[FIBRoute]
	local                   []netip.Prefix
	unresolved              int // routes whose nexthop object is not known
}

func (t *tables) begin() { *t = tables{objects: t.objects, ways: newWays(), route: t.route} }

func (t *tables) add(b []byte) error {
	if len(b) < rtmsgBytes {
		return errShort
	}
	switch b[rtmFamily] {
	case unix.AF_INET:
		t.ipv4++
	case unix.AF_INET6:
		t.ipv6++
	default:
		return nil // where all are asked for, MPLS and multicast routing answer too
	}
	if b[rtmType] == unix.RTN_LOCAL {
		if err := t.addLocal(b); err != nil {
			return err
		}
	}
	if b[rtmType] != unix.RTN_UNICAST && b[rtmTOS] == 0 {
		return nil
	}
	r := &t.route
	if err := decodeFIBRoute(b, r); err != nil {
		return err
	}
	if r.Object != 0 {
		t.objects.resolve(r)
		if len(r.NextHops) == 0 {
			t.unresolved++
		}
	}
	t.keep(r)
	if r.Type == RouteUnicast {
		t.ways.count(r)
	}
	return nil
}

func (t *tables) addLocal(b []byte) error {
	p, ok, err := decodeLocal(b)
	if ok {
		t.local = append(t.local, p)
	}
	return err
}

// keep puts a route on the lists that it belongs to.
func (t *tables) keep(r *FIBRoute) {
	unicast := r.Type == RouteUnicast
	isDefault := unicast && r.Destination.Bits() == 0
	isTagged := unicast && (r.MTU != 0 || r.MTULocked || r.AdvMSS != 0)
	if !isDefault && !isTagged && r.TOS == 0 {
		return
	}
	own := *r
	own.NextHops = slices.Clone(r.NextHops)
	if isDefault {
		t.defaults.add(own, r.Table == TableMain)
	}
	if isTagged {
		t.tagged.add(own, r.MTU != 0)
	}
	if r.TOS != 0 {
		t.byTOS.add(own, true)
	}
}

func (t *tables) result() Routes {
	slices.SortFunc(t.local, netip.Prefix.Compare)
	r := Routes{IPv4: t.ipv4, IPv6: t.ipv6, Local: slices.Compact(t.local), LeftOut: t.unresolved}
	routes := func(list []FIBRoute, leftOut int) []FIBRoute {
		r.LeftOut += leftOut
		return list
	}
	r.Default = routes(t.defaults.list())
	r.Tagged = routes(t.tagged.list())
	r.ByTOS = routes(t.byTOS.list())
	ways, leftOut := t.ways.list()
	r.Ways = ways
	r.LeftOut += leftOut
	slices.SortFunc(r.Default, func(a, b FIBRoute) int {
		return cmp.Or(a.Destination.Compare(b.Destination), byTable(a, b))
	})
	slices.SortFunc(r.Tagged, func(a, b FIBRoute) int {
		return cmp.Or(cmp.Compare(min(b.MTU, 1), min(a.MTU, 1)), byTable(a, b))
	})
	slices.SortFunc(r.ByTOS, byTable)
	return r
}

// byTable orders routes by table, destination and metric.
func byTable(a, b FIBRoute) int {
	return cmp.Or(cmp.Compare(a.Table, b.Table), a.Destination.Compare(b.Destination), cmp.Compare(a.Metric, b.Metric))
}
