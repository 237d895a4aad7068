package host

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
)

// nexthopMessage is a struct nhmsg and attributes.
func nexthopMessage(family byte, attributes ...[]byte) []byte {
	return slices.Concat(append([][]byte{{family, 0, unix.RTPROT_STATIC, 0, 0, 0, 0, 0}}, attributes...)...)
}

// groupOf is struct nexthop_grp of each, with growing weights.
func groupOf(members ...uint32) []byte {
	var b []byte
	for weight, id := range members {
		b = append(b, u32(id)...)
		b = append(b, byte(weight), 0, 0, 0)
	}
	return b
}

// addRawOne has the kernel do what a message of that kind asks.
func addRawOne(t testing.TB, n *lab.Node, kind int, body []byte) {
	t.Helper()
	if err := n.Do(func() error {
		request := nl.NewNetlinkRequest(kind, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
		request.AddRawData(body)
		_, err := request.Execute(unix.NETLINK_ROUTE, 0)
		return err
	}); err != nil {
		t.Fatalf("%v: % x", err, body)
	}
}

// Routes by nexthop objects have the same next hops whether the kernel spells
// them out in the dump or not.
func TestReadRoutesObjects(t *testing.T) {
	n, k := uplinks(t)
	eth0, eth1 := k.link("eth0").Attrs().Index, k.link("eth1").Attrs().Index
	at := netip.MustParseAddr
	id := func(id uint32) []byte { return attribute(unix.NHA_ID, -1, u32(id)...) }
	object := func(i uint32, family byte, gateway string, link int) {
		addRawOne(t, n, unix.RTM_NEWNEXTHOP, nexthopMessage(family, id(i),
			attribute(unix.NHA_OIF, -1, u32(uint32(link))...), attribute(unix.NHA_GATEWAY, -1, at(gateway).AsSlice()...)))
	}
	object(1, unix.AF_INET, "198.51.100.1", eth0)
	object(2, unix.AF_INET, "198.51.100.201", eth1)
	object(3, unix.AF_INET6, "2001:db8:1::1", eth0)
	object(4, unix.AF_INET6, "2001:db8:2::1", eth1)
	addRawOne(t, n, unix.RTM_NEWNEXTHOP, nexthopMessage(unix.AF_INET, id(5), attribute(unix.NHA_BLACKHOLE, -1)))
	group := func(i uint32, resilient bool, members ...uint32) {
		body := nexthopMessage(unix.AF_UNSPEC, id(i), attribute(unix.NHA_GROUP, -1, groupOf(members...)...))
		if resilient {
			buckets := attribute(1, -1, u16(8)...) // NHA_RES_GROUP_BUCKETS
			body = append(body, attribute(unix.NHA_GROUP_TYPE, -1, u16(1)...)...)
			body = append(body, attribute(12|unix.NLA_F_NESTED, -1, buckets...)...) // NHA_RES_GROUP
		}
		addRawOne(t, n, unix.RTM_NEWNEXTHOP, body)
	}
	group(10, false, 1, 2)
	group(11, false, 3, 4)
	group(12, true, 2, 1)
	route := func(prefix string, object uint32, mtu uint32) {
		p := netip.MustParsePrefix(prefix)
		family, _ := familyOf(p.Addr())
		body := routeMessage(family, byte(p.Bits()), unix.RTN_UNICAST)
		body[rtmTable], body[rtmProtocol] = TableMain, unix.RTPROT_BGP
		for _, a := range [][]byte{
			attribute(unix.RTA_DST, -1, p.Addr().AsSlice()...), attribute(rtaNexthopID, -1, u32(object)...),
			attribute(unix.RTA_METRICS, -1, attribute(unix.RTAX_MTU, -1, u32(mtu)...)...),
		} {
			body = append(body, a...)
		}
		addRawOne(t, n, unix.RTM_NEWROUTE, body)
	}
	route("10.1.0.0/16", 1, 1301)
	route("10.2.0.0/16", 10, 1302)
	route("10.3.0.0/16", 12, 1303)
	route("10.4.0.0/16", 5, 1304) // a blackhole: not listed
	route("2001:db8:a1::/48", 3, 1305)
	route("2001:db8:a2::/48", 11, 1306)

	one := NextHop{Gateway: at("198.51.100.1"), Interface: eth0}
	two := NextHop{Gateway: at("198.51.100.201"), Interface: eth1}
	three := NextHop{Gateway: at("2001:db8:1::1"), Interface: eth0}
	four := NextHop{Gateway: at("2001:db8:2::1"), Interface: eth1}
	want := map[uint32][]NextHop{1301: {one}, 1302: {one, two}, 1303: {two, one}, 1305: {three}, 1306: {three, four}}
	groups := map[uint32]uint32{1301: 1, 1302: 10, 1303: 12, 1305: 3, 1306: 11}
	for _, mode := range []string{"1", "0"} {
		if err := n.SetSysctl("net/ipv4/nexthop_compat_mode", mode); err != nil {
			t.Fatal(err)
		}
		got := readIn(t, n, ReadRoutes)
		if len(got.Tagged) != len(want) || got.LeftOut != 0 {
			t.Errorf("compat mode %s: %d tagged routes, want %d: %+v, %d left out", mode, len(got.Tagged), len(want), got.Tagged, got.LeftOut)
		}
		for _, r := range got.Tagged {
			if d := cmp.Diff(want[r.MTU], r.NextHops, same); d != "" || r.Object != groups[r.MTU] {
				t.Errorf("compat mode %s: %v by object %d: -want +got:\n%s", mode, r.Destination, r.Object, d)
			}
		}
		if w := wayBy(t, got, at("198.51.100.201"), eth1); w.Routes != 2 || w.Only != 0 {
			t.Errorf("compat mode %s: %+v, want 2 routes, none only", mode, w)
		}
		if w := wayBy(t, got, at("2001:db8:1::1"), eth0); w.Routes != 2 || w.Only != 1 {
			t.Errorf("compat mode %s: %+v, want 2 routes, 1 only", mode, w)
		}
	}
}

// What is not known of objects leaves the route without next hops, and there is
// an end to what is held of them.
func TestObjects(t *testing.T) {
	var o objects
	o.begin()
	object := func(id uint32, attributes ...[]byte) {
		t.Helper()
		if err := o.add(nexthopMessage(unix.AF_INET, append(attributes, attribute(unix.NHA_ID, -1, u32(id)...))...)); err != nil {
			t.Fatal(err)
		}
	}
	object(1, attribute(unix.NHA_OIF, -1, u32(7)...))
	object(2, attribute(unix.NHA_GROUP, -1, groupOf(1, 9)...))
	resolved := func(r FIBRoute) []NextHop {
		o.resolve(&r)
		return r.NextHops
	}
	seven := NextHop{Interface: 7}
	for _, c := range []struct {
		name  string
		route FIBRoute
		want  []NextHop
	}{
		{"one", FIBRoute{Object: 1}, []NextHop{seven}},
		{"group with a member that is not known", FIBRoute{Object: 2}, []NextHop{{Interface: 7}}},
		{"not known", FIBRoute{Object: 3}, nil},
		{"spelled out", FIBRoute{Object: 1, NextHops: []NextHop{{Interface: 7, LinkDown: true}}},
			[]NextHop{{Interface: 7, LinkDown: true}}},
		{"spelled out, with more next hops", FIBRoute{Object: 1, NextHops: []NextHop{{Interface: 7}, {Interface: 8}}}, []NextHop{{Interface: 7}, {Interface: 8}}},
	} {
		if d := cmp.Diff(c.want, resolved(c.route), same); d != "" {
			t.Errorf("%s: -want +got:\n%s", c.name, d)
		}
	}
	for id := range uint32(maxObjects) {
		object(100+id, attribute(unix.NHA_OIF, -1, u32(8)...))
	}
	if held := len(o.single) + len(o.groups); held > maxObjects {
		t.Errorf("%d objects held, at most %d", held, maxObjects)
	}
	if got := resolved(FIBRoute{Object: 100}); len(got) != 1 {
		t.Errorf("the first of many: %+v", got)
	}
}
