package host

import (
	"hash/maphash"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// decoded is a route with next hops of its own.
func decoded(b []byte) (r FIBRoute, err error) {
	err = decodeFIBRoute(b, &r)
	return r, err
}

func TestDecodeFIBRouteOfKernel(t *testing.T) {
	at, p := netip.MustParseAddr, netip.MustParsePrefix
	d := dumps(t)
	first4, second4 := NextHop{Gateway: at("198.51.100.1"), Interface: 3}, NextHop{Gateway: at("198.51.100.201"), Interface: 5}
	for name, want := range map[string]FIBRoute{
		"fib-ipv4-multipath": {Destination: p("203.0.113.0/24"), Table: 70000, Type: RouteUnicast, Origin: unix.RTPROT_BOOT, Metric: 7,
			MTU: 1400, MTULocked: true, AdvMSS: 1360, NextHops: []NextHop{first4, second4}},
		"fib-ipv6-multipath": {Destination: p("::/0"), Table: TableMain, Type: RouteUnicast, Origin: unix.RTPROT_BOOT, Metric: 1024, MTU: 1280,
			NextHops: []NextHop{{Gateway: at("2001:db8:1::1"), Interface: 3}, {Gateway: at("2001:db8:2::1"), Interface: 5}}},
		"fib-ipv4-via": {Destination: p("203.0.113.128/25"), Table: TableMain, Type: RouteUnicast, Origin: unix.RTPROT_BOOT, TOS: 0x10,
			NextHops: []NextHop{{Gateway: at("2001:db8:1::1"), Interface: 3}}},
		"fib-ipv4-object-spelled": {Destination: p("10.1.0.0/16"), Table: TableMain, Type: RouteUnicast, Object: 10, NextHops: []NextHop{first4, second4}},
		"fib-ipv4-object-only":    {Destination: p("10.1.0.0/16"), Table: TableMain, Type: RouteUnicast, Object: 10},
		"ipv6-unicast": {Destination: p("2001:db8:2::/64"), Table: TableMain, Type: RouteUnicast, Origin: unix.RTPROT_BOOT, Metric: 1024,
			MTU: 1300, NextHops: []NextHop{{Interface: 3, LinkDown: true}}},
	} {
		got, err := decoded(d[name])
		if d := cmp.Diff(want, got, same); d != "" || err != nil {
			t.Errorf("%s: %v, -want +got:\n%s", name, err, d)
		}
	}
}

func TestDecodeFIBRouteBroken(t *testing.T) {
	const v4, v6, unicast = unix.AF_INET, unix.AF_INET6, unix.RTN_UNICAST
	hop := func(length int, attributes ...byte) []byte {
		if length < 0 {
			length = rtnhBytes + len(attributes)
		}
		return slices.Concat(u16(uint16(length)), []byte{unix.RTNH_F_DEAD, 4}, u32(7), attributes)
	}
	multipath := func(hops ...[]byte) []byte { return attribute(unix.RTA_MULTIPATH, -1, slices.Concat(hops...)...) }
	gateway := attribute(unix.RTA_GATEWAY, -1, 198, 51, 100, 1)
	four := netip.MustParseAddr("198.51.100.1")
	metrics := func(metrics ...byte) []byte { return attribute(unix.RTA_METRICS, -1, metrics...) }
	ofSource := routeMessage(v6, 0, unicast, attribute(unix.RTA_SRC, -1, netip.MustParseAddr("2001:db8::").AsSlice()...))
	ofSource[rtmSrcLen] = 32
	tooLong := slices.Clone(ofSource)
	tooLong[rtmSrcLen] = 129
	everything4, everything6 := netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")
	for _, c := range []struct {
		name    string
		message []byte
		want    FIBRoute
		fails   bool
	}{
		{"default", routeMessage(v4, 0, unicast), FIBRoute{Destination: everything4}, false},
		{"of a source", ofSource, FIBRoute{Destination: everything6, Source: netip.MustParsePrefix("2001:db8::/32")}, false},
		{"table of the header and of the attribute", routeMessage(v4, 0, unicast, attribute(unix.RTA_TABLE, -1, u32(70000)...)),
			FIBRoute{Destination: everything4, Table: 70000}, false},
		{"multipath", routeMessage(v4, 0, unicast, multipath(hop(-1, gateway...), hop(-1))), FIBRoute{Destination: everything4,
			NextHops: []NextHop{{Gateway: four, Interface: 7, Dead: true}, {Interface: 7, Dead: true}}}, false},
		{"multipath of none", routeMessage(v4, 0, unicast, multipath()), FIBRoute{Destination: everything4}, false},
		{"other locks", routeMessage(v4, 0, unicast, metrics(attribute(unix.RTAX_LOCK, -1, u32(1<<unix.RTAX_ADVMSS)...)...)), FIBRoute{Destination: everything4}, false},
		{"MTU and other locks", routeMessage(v4, 0, unicast, metrics(attribute(unix.RTAX_LOCK, -1, u32(1<<unix.RTAX_ADVMSS|1<<unix.RTAX_MTU)...)...)),
			FIBRoute{Destination: everything4, MTULocked: true}, false},
		{"metric that is no number", routeMessage(v4, 0, unicast, metrics(attribute(unix.RTAX_CC_ALGO, -1, []byte("cubic\x00")...)...)),
			FIBRoute{Destination: everything4}, false},
		{"encapsulated", routeMessage(v4, 0, unicast, attribute(unix.RTA_ENCAP, -1, 1, 2, 3), gateway),
			FIBRoute{Destination: everything4, NextHops: []NextHop{{Gateway: four}}}, false},
		{"gateway of another family than IP", routeMessage(v4, 0, unicast, attribute(unix.RTA_VIA, -1, 17, 0, 1, 2, 3, 4, 5, 6), attribute(unix.RTA_OIF, -1, u32(7)...)),
			FIBRoute{Destination: everything4, NextHops: []NextHop{{Interface: 7}}}, false},

		{"empty", nil, FIBRoute{}, true},
		{"header cut", routeMessage(v4, 0, unicast)[:rtmsgBytes-1], FIBRoute{}, true},
		{"33 bits of IPv4", routeMessage(v4, 33, unicast, destination("192.0.2.0")), FIBRoute{}, true},
		{"source of 129 bits", tooLong, FIBRoute{}, true},
		{"destination of IPv6 in IPv4", routeMessage(v4, 32, unicast, destination("2001:db8::")), FIBRoute{}, true},
		{"destination of no bytes", routeMessage(v6, 0, unicast, attribute(unix.RTA_DST, -1)), FIBRoute{}, true},
		{"gateway of three bytes", routeMessage(v4, 0, unicast, attribute(unix.RTA_GATEWAY, -1, 1, 2, 3)), FIBRoute{}, true},
		{"gateway of IPv4 in IPv6", routeMessage(v6, 0, unicast, gateway), FIBRoute{}, true},
		{"interface of two bytes", routeMessage(v4, 0, unicast, attribute(unix.RTA_OIF, -1, 7, 0)), FIBRoute{}, true},
		{"table of eight bytes", routeMessage(v4, 0, unicast, attribute(unix.RTA_TABLE, -1, make([]byte, 8)...)), FIBRoute{}, true},
		{"metric of no bytes", routeMessage(v4, 0, unicast, attribute(unix.RTA_PRIORITY, -1)), FIBRoute{}, true},
		{"object of one byte", routeMessage(v4, 0, unicast, attribute(rtaNexthopID, -1, 1)), FIBRoute{}, true},
		{"via of one byte", routeMessage(v4, 0, unicast, attribute(unix.RTA_VIA, -1, 10)), FIBRoute{}, true},
		{"via of IPv6 with four bytes", routeMessage(v4, 0, unicast, attribute(unix.RTA_VIA, -1, 10, 0, 1, 2, 3, 4)), FIBRoute{}, true},
		{"MTU of two bytes", routeMessage(v4, 0, unicast, metrics(attribute(unix.RTAX_MTU, -1, 5, 220)...)), FIBRoute{}, true},
		{"lock of no bytes", routeMessage(v4, 0, unicast, metrics(attribute(unix.RTAX_LOCK, -1)...)), FIBRoute{}, true},
		{"advmss of eight bytes", routeMessage(v4, 0, unicast, metrics(attribute(unix.RTAX_ADVMSS, -1, make([]byte, 8)...)...)), FIBRoute{}, true},
		{"metrics cut", routeMessage(v4, 0, unicast, metrics(8, 0)), FIBRoute{}, true},
		{"next hop cut", routeMessage(v4, 0, unicast, multipath(hop(-1)[:rtnhBytes-1])), FIBRoute{}, true},
		{"next hop shorter than its header", routeMessage(v4, 0, unicast, multipath(hop(0))), FIBRoute{}, true},
		{"next hop beyond the attribute", routeMessage(v4, 0, unicast, multipath(hop(100))), FIBRoute{}, true},
		{"next hop with half an attribute", routeMessage(v4, 0, unicast, multipath(hop(-1, 8, 0))), FIBRoute{}, true},
		{"next hop with a gateway of IPv6", routeMessage(v4, 0, unicast, multipath(hop(-1, attribute(unix.RTA_GATEWAY, -1, make([]byte, 16)...)...))), FIBRoute{}, true},
		{"half an attribute header", append(routeMessage(v4, 0, unicast), 8, 0), FIBRoute{}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := decoded(c.message)
			if c.fails != (err != nil) {
				t.Fatalf("%+v, error %v", got, err)
			}
			c.want.Type = RouteUnicast
			if d := cmp.Diff(c.want, got, same); !c.fails && d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// Of what is read into again nothing is left.
func TestDecodeFIBRouteAgain(t *testing.T) {
	d := dumps(t)
	var r FIBRoute
	for _, name := range []string{"fib-ipv4-multipath", "ipv6-unicast", "fib-ipv4-object-only"} {
		if err := decodeFIBRoute(d[name], &r); err != nil {
			t.Fatal(err)
		}
		if fresh, _ := decoded(d[name]); cmp.Diff(fresh, r, same) != "" {
			t.Errorf("%s: %+v, want %+v", name, r, fresh)
		}
	}
	if allocations := testing.AllocsPerRun(100, func() {
		_ = decodeFIBRoute(d["fib-ipv4-multipath"], &r)
	}); allocations != 0 {
		t.Errorf("%v allocations a route", allocations)
	}
}

func TestDecodeNeighbourOfKernel(t *testing.T) {
	d := dumps(t)
	for name, want := range map[string]struct {
		gateway string
		Neighbour
	}{
		"neighbour-ipv4": {"198.51.100.1", Neighbour{State: NeighbourPermanent, MAC: MAC{2, 0, 0x5e, 0x10, 0, 0x77}}},
		"neighbour-ipv6": {"2001:db8:1::1", Neighbour{State: NeighbourPermanent, MAC: MAC{2, 0, 0x5e, 0x10, 0, 0x78}}},
	} {
		at, n, err := decodeNeighbour(d[name])
		if at != (hopKey{netip.MustParseAddr(want.gateway), 3}) || n != want.Neighbour || err != nil {
			t.Errorf("%s: %+v, %+v, %v", name, at, n, err)
		}
	}
}

func TestDecodeOthersOfKernel(t *testing.T) {
	d := dumps(t)
	for name, want := range map[string]Rule{
		"rule-ipv4": {Priority: 10, TOS: 0x80, TOSMask: 0xc0, Mark: 5, MarkMask: 0xff},
		"rule-ipv6": {IPv6: true, Priority: 20, TOS: 0xb8, TOSMask: 0xfc},
	} {
		if got, err := decodeRule(d[name]); got != want || err != nil {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, want)
		}
	}
	for name, want := range map[string]Address{
		"address-ipv4":      {Prefix: netip.MustParsePrefix("198.51.100.7/25"), Interface: 3},
		"address-ipv6-peer": {Prefix: netip.MustParsePrefix("2001:db8:ffff::1/128"), Interface: 3},
	} {
		if got, err := decodeAddress(d[name]); got != want || err != nil {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, want)
		}
	}
	one := NextHop{Gateway: netip.MustParseAddr("198.51.100.1"), Interface: 3}
	if id, got, group, err := decodeObject(d["nexthop-ipv4"]); id != 1 || got != one || group != nil || err != nil {
		t.Errorf("object %d: %+v, %+v, %v", id, got, group, err)
	}
	if id, _, group, err := decodeObject(d["nexthop-group"]); id != 10 || !slices.Equal(group, []uint32{1, 2}) || err != nil {
		t.Errorf("group %d: %+v, %v", id, group, err)
	}
}

// Messages of the other tables with a length broken are errors.
func TestDecodeOthersBroken(t *testing.T) {
	neighbour := func(attributes ...[]byte) []byte {
		header := make([]byte, ndmsgBytes)
		header[ndmFamily] = unix.AF_INET
		return slices.Concat(append([][]byte{header}, attributes...)...)
	}
	held := func(family, bits byte, attributes ...[]byte) []byte {
		header := make([]byte, ifaddrmsgBytes)
		header[ifaFamily], header[ifaPrefixLength] = family, bits
		return slices.Concat(append([][]byte{header}, attributes...)...)
	}
	own := attribute(unix.IFA_ADDRESS, -1, 192, 0, 2, 1)
	var w ways
	var l addresses
	var o objects
	o.begin()
	for _, c := range []struct {
		name    string
		to      collector
		message []byte
		fails   bool
	}{
		{"neighbour", neighbours{&w}, neighbour(attribute(unix.NDA_DST, -1, 192, 0, 2, 1)), false},
		{"neighbour without address", neighbours{&w}, neighbour(), false},
		{"neighbour with an InfiniBand address", neighbours{&w}, neighbour(attribute(unix.NDA_LLADDR, -1, make([]byte, 20)...)), false},
		{"neighbour of a bridge", neighbours{&w}, []byte{unix.AF_BRIDGE, 11: 0}, false},
		{"neighbour, empty", neighbours{&w}, nil, true},
		{"neighbour, header cut", neighbours{&w}, neighbour()[:ndmsgBytes-1], true},
		{"neighbour of IPv6 in IPv4", neighbours{&w}, neighbour(attribute(unix.NDA_DST, -1, make([]byte, 16)...)), true},
		{"neighbour, half an attribute header", neighbours{&w}, neighbour([]byte{8, 0}), true},

		{"address", &l, held(unix.AF_INET, 32, own), false},
		{"address of another family", &l, held(unix.AF_PHONET, 0), false},
		{"address, empty", &l, nil, true},
		{"address, header cut", &l, held(unix.AF_INET, 32)[:ifaddrmsgBytes-1], true},
		{"address that is not there", &l, held(unix.AF_INET, 32), true},
		{"address of 33 bits", &l, held(unix.AF_INET, 33, own), true},
		{"address of IPv4 in IPv6", &l, held(unix.AF_INET6, 32, own), true},
		{"address of three bytes", &l, held(unix.AF_INET, 32, attribute(unix.IFA_LOCAL, -1, 1, 2, 3)), true},
		{"address with flags of one byte", &l, held(unix.AF_INET, 32, own, attribute(unix.IFA_FLAGS, -1, 1)), true},

		{"object", &o, nexthopMessage(unix.AF_INET, attribute(unix.NHA_GATEWAY, -1, 192, 0, 2, 1)), false},
		{"object, empty", &o, nil, true},
		{"object, header cut", &o, nexthopMessage(unix.AF_INET)[:nhmsgBytes-1], true},
		{"object with an id of one byte", &o, nexthopMessage(unix.AF_INET, attribute(unix.NHA_ID, -1, 1)), true},
		{"object with a gateway of IPv6", &o, nexthopMessage(unix.AF_INET, attribute(unix.NHA_GATEWAY, -1, make([]byte, 16)...)), true},
		{"object with a gateway of no family", &o, nexthopMessage(unix.AF_UNSPEC, attribute(unix.NHA_GATEWAY, -1, 192, 0, 2, 1)), true},
		{"object with an interface of eight bytes", &o, nexthopMessage(unix.AF_INET, attribute(unix.NHA_OIF, -1, make([]byte, 8)...)), true},
		{"group of a member and a half", &o, nexthopMessage(unix.AF_UNSPEC, attribute(unix.NHA_GROUP, -1, make([]byte, 12)...)), true},
		{"object, half an attribute header", &o, nexthopMessage(unix.AF_INET, []byte{8, 0}), true},
	} {
		if err := c.to.add(c.message); c.fails != (err != nil) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// FuzzDecodeTables holds for any message: no panic, an error or a result that
// makes sense.
func FuzzDecodeTables(f *testing.F) {
	for _, b := range dumps(f) {
		f.Add(b)
		f.Add(message(-1, unix.RTM_NEWROUTE, 0, 1, b...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := decoded(b); err == nil && isIP(b[rtmFamily]) && (!r.Destination.IsValid() || len(r.NextHops) > 1+len(b)/rtnhBytes) {
			t.Errorf("route %+v of %d bytes", r, len(b))
		}
		var o objects
		var l addresses
		var r rules
		tables, e := tables{}, exceptions{seed: maphash.MakeSeed()}
		for _, c := range []collector{&o, &l, &r, &tables, neighbours{&tables.ways}, &e} {
			c.begin()
			_ = c.add(b)
			if done, _, err := walk(b, 1, unix.RTM_NEWROUTE, c); done && err == nil && len(b) < headerBytes {
				t.Errorf("a dump of %d bytes is done", len(b))
			}
		}
		for _, a := range l {
			if !a.Prefix.IsValid() {
				t.Errorf("address %+v", a)
			}
		}
		if got := tables.result(); len(got.Ways) > len(b) || got.IPv4+got.IPv6 > 1+len(b)/rtmsgBytes {
			t.Errorf("%+v of %d bytes", got, len(b))
		}
	})
}
