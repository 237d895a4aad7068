package host

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// same compares what readers return.
var same = cmp.Options{
	cmpopts.EquateEmpty(),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
}

// readIn reads inside the node.
func readIn[T any](t testing.TB, n *lab.Node, read func() (T, error)) (got T) {
	t.Helper()
	if err := n.Do(func() (err error) {
		got, err = read()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

// fib is every route of both families as another library reads it, in the order
// that it has them in. It does not know nexthop objects.
func (k kernel) fib() (routes []FIBRoute) {
	k.t.Helper()
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		found, err := k.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
		k.must(err)
		for _, r := range found {
			routes = append(routes, fibRoute(r))
		}
	}
	return routes
}

func fibRoute(r netlink.Route) FIBRoute {
	f := FIBRoute{
		Table: uint32(r.Table), Type: RouteType(r.Type), Origin: RouteOrigin(r.Protocol), TOS: uint8(r.Tos),
		Metric: uint32(r.Priority), MTU: uint32(r.MTU), MTULocked: r.MTULock, AdvMSS: uint32(r.AdvMSS),
	}
	to, _ := netip.AddrFromSlice(r.Dst.IP)
	ones, _ := r.Dst.Mask.Size()
	if ones == 0 {
		to = unspecified(uint8(r.Family))
	}
	f.Destination = netip.PrefixFrom(to, ones)
	hop := func(gateway []byte, via netlink.Destination, link, flags int) {
		h := NextHop{Interface: link, Dead: flags&unix.RTNH_F_DEAD != 0, LinkDown: flags&unix.RTNH_F_LINKDOWN != 0}
		h.Gateway, _ = netip.AddrFromSlice(gateway)
		if v, ok := via.(*netlink.Via); ok && v != nil {
			h.Gateway, _ = netip.AddrFromSlice(v.Addr)
		}
		f.NextHops = append(f.NextHops, h)
	}
	for _, h := range r.MultiPath {
		hop(h.Gw, h.Via, h.LinkIndex, h.Flags)
	}
	if len(r.MultiPath) == 0 && (r.LinkIndex != 0 || r.Gw != nil) {
		hop(r.Gw, r.Via, r.LinkIndex, r.Flags)
	}
	return f
}

// only are the routes that a condition holds for, ordered as Routes lists them.
func only(routes []FIBRoute, holds func(FIBRoute) bool) (some []FIBRoute) {
	for _, r := range routes {
		if holds(r) {
			some = append(some, r)
		}
	}
	slices.SortStableFunc(some, byTable)
	return some
}

// uplinks is a node with two links that have carrier, and addresses on both.
func uplinks(t testing.TB) (*lab.Node, kernel) {
	t.Helper()
	n := labtest.Node(t, "host")
	k := kernel{n.Handle(), t}
	for i, name := range []string{"eth0", "eth1"} {
		far := fmt.Sprintf("far%d", i)
		k.addVeth(name, far, 1500, fmt.Sprintf("02:00:5e:10:00:%02x", i+1))
		k.setUp(name, far)
	}
	k.awaitCarrier("eth0", "far0", "eth1", "far1")
	k.addAddress("eth0", "198.51.100.7/25", "2001:db8:1::7/64")
	k.addAddress("eth1", "198.51.100.207/25", "2001:db8:2::7/64")
	awaitLocal(t, openQuery(t, n), "198.51.100.7", "198.51.100.207", "2001:db8:1::7", "2001:db8:2::7")
	return n, k
}

// via is one next hop, or with a weight one of several.
func (k kernel) via(gateway, iface string, weight int) *netlink.NexthopInfo {
	k.t.Helper()
	return &netlink.NexthopInfo{Gw: netip.MustParseAddr(gateway).AsSlice(), LinkIndex: k.link(iface).Attrs().Index, Hops: weight - 1}
}

// to is `PREFIX via …` in the table main.
func (k kernel) to(prefix string, hops ...*netlink.NexthopInfo) *netlink.Route {
	k.t.Helper()
	r := &netlink.Route{Dst: ipNet(netip.MustParsePrefix(prefix)), Table: TableMain}
	if len(hops) == 1 {
		r.Gw, r.Via, r.LinkIndex = hops[0].Gw, hops[0].Via, hops[0].LinkIndex
	} else {
		r.MultiPath = hops
	}
	return r
}

func (k kernel) addRoutes(routes ...*netlink.Route) {
	k.t.Helper()
	for _, r := range routes {
		if err := k.RouteAppend(r); err != nil {
			k.t.Fatalf("%v: %v", r, err)
		}
	}
}

// Every field of every route of every kind is what another library reads.
func TestReadRoutes(t *testing.T) {
	n, k := uplinks(t)
	with := func(r *netlink.Route, change func(*netlink.Route)) *netlink.Route {
		change(r)
		return r
	}
	first4, second4 := k.via("198.51.100.1", "eth0", 1), k.via("198.51.100.201", "eth1", 3)
	first6, second6 := k.via("2001:db8:1::1", "eth0", 2), k.via("2001:db8:2::1", "eth1", 1)
	k.addRoutes(
		k.to("0.0.0.0/0", first4),
		with(k.to("0.0.0.0/0", first4, second4), func(r *netlink.Route) { r.Table, r.Protocol = 1000, unix.RTPROT_BGP }),
		with(k.to("0.0.0.0/0", second4), func(r *netlink.Route) { r.Priority, r.MTU = 20, 1280 }),
		with(k.to("::/0", first6, second6), func(r *netlink.Route) { r.MTU, r.MTULock, r.AdvMSS = 1280, true, 1220 }),
		with(k.to("::/0", first6), func(r *netlink.Route) { r.Table = 70000 }),
		with(k.to("::/0"), func(r *netlink.Route) { r.Type, r.Table = unix.RTN_BLACKHOLE, 1001 }),
		with(k.to("0.0.0.0/0"), func(r *netlink.Route) { r.Type, r.Table, r.MTU = unix.RTN_UNREACHABLE, 1001, 1300 }),
		with(k.to("203.0.113.0/24", first4), func(r *netlink.Route) { r.MTU, r.MTULock = 1400, true }),
		with(k.to("203.0.113.0/25", first4, second4), func(r *netlink.Route) { r.AdvMSS, r.Table = 1360, 500 }),
		with(k.to("203.0.113.128/25", first4), func(r *netlink.Route) { r.Tos, r.MTU = 0x10, 1450 }),
		with(k.to("203.0.113.128/25"), func(r *netlink.Route) { r.Type, r.Tos = unix.RTN_PROHIBIT, 0x08 }),
		with(k.to("2001:db8:c::/48", first6), func(r *netlink.Route) { r.AdvMSS, r.Table = 1400, 500 }),
		with(k.to("2001:db8:d::/48", &netlink.NexthopInfo{LinkIndex: k.link("eth0").Attrs().Index}), func(r *netlink.Route) { r.MTU = 1480 }),
	)
	mapped := netip.MustParsePrefix("::ffff:192.0.2.0/120")
	addRaw(t, n, [][]byte{rawRoute(mapped, TableMain, k.link("eth0").Attrs().Index, netip.MustParseAddr("::ffff:198.51.100.1"),
		attribute(unix.RTAX_MTU, -1, u32(1300)...)...)})
	got := readIn(t, n, ReadRoutes)
	all := k.fib()
	unicast := func(r FIBRoute) bool { return r.Type == RouteUnicast }
	is6 := func(r FIBRoute) bool { return r.Destination.Addr().Is6() }
	count := func(holds func(FIBRoute) bool) int { return len(only(all, holds)) }
	if got.IPv6 != count(is6) || got.IPv4 != len(all)-got.IPv6 {
		t.Errorf("%d IPv4 and %d IPv6 routes of %d, of which %d IPv6", got.IPv4, got.IPv6, len(all), count(is6))
	}
	isDefault := func(r FIBRoute) bool { return unicast(r) && r.Destination.Bits() == 0 }
	tagged := func(r FIBRoute) bool { return unicast(r) && (r.MTU > 0 || r.AdvMSS > 0) }
	withMTU := func(r FIBRoute) bool { return tagged(r) && r.MTU > 0 }
	withoutMTU := func(r FIBRoute) bool { return tagged(r) && r.MTU == 0 }
	for _, list := range []struct {
		name      string
		got, want []FIBRoute
		entries   int
	}{
		{"default", got.Default, append(only(all, func(r FIBRoute) bool { return isDefault(r) && !is6(r) }),
			only(all, func(r FIBRoute) bool { return isDefault(r) && is6(r) })...), 5},
		{"tagged", got.Tagged, append(only(all, withMTU), only(all, withoutMTU)...), 8},
		{"by TOS", got.ByTOS, only(all, func(r FIBRoute) bool { return r.TOS != 0 }), 2},
	} {
		if d := cmp.Diff(list.want, list.got, same); d != "" || len(list.got) != list.entries {
			t.Errorf("%s: %d entries, want %d; -library +ReadRoutes:\n%s", list.name, len(list.got), list.entries, d)
		}
	}
	if got.LeftOut != 0 {
		t.Errorf("%d entries left out", got.LeftOut)
	}
	if truth, err := k.state(); err != nil || !slices.Equal(got.Local, truth.Local) {
		t.Errorf("local %v, want %v, %v", got.Local, truth.Local, err)
	}

	eth0, eth1 := k.link("eth0").Attrs().Index, k.link("eth1").Attrs().Index
	at := netip.MustParseAddr
	for _, want := range []Way{
		// The default routes of the tables 254 (metric 0) and 1000, 203.0.113.0/24 and /25 and 203.0.113.128/25.
		{Gateway: at("198.51.100.1"), Interface: eth0, Routes: 5, Only: 3, Default: true},
		// The default routes of the tables 254 (metric 20) and 1000, 203.0.113.0/25.
		{Gateway: at("198.51.100.201"), Interface: eth1, Routes: 3, Only: 1, Default: true},
		// The default routes of the tables 254 and 70000, 2001:db8:c::/48.
		{Gateway: at("2001:db8:1::1"), Interface: eth0, Routes: 3, Only: 2, Default: true},
		{Gateway: at("2001:db8:2::1"), Interface: eth1, Routes: 1, Default: true},
		// 198.51.100.0/25, 2001:db8:1::/64, fe80::/64, 2001:db8:d::/48.
		{Interface: eth0, Routes: 4, Only: 4},
	} {
		if way := wayBy(t, got, want.Gateway, want.Interface); way != want {
			t.Errorf("%+v, want %+v", way, want)
		}
	}
	if !slices.IsSortedFunc(got.Ways, func(a, b Way) int { return a.Interface - b.Interface }) {
		t.Errorf("ways in no order: %+v", got.Ways)
	}
}

// wayBy is the one way by that gateway and interface.
func wayBy(t testing.TB, r Routes, gateway netip.Addr, iface int) Way {
	t.Helper()
	var found []Way
	for _, w := range r.Ways {
		if w.Gateway == gateway && w.Interface == iface {
			found = append(found, w)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d ways by %v on %d: %+v", len(found), gateway, iface, r.Ways)
	}
	return found[0]
}

// An IPv4 route may go by a gateway of IPv6, alone or among others.
func TestReadRoutesOtherFamily(t *testing.T) {
	n, k := uplinks(t)
	gateway := netip.MustParseAddr("2001:db8:1::1")
	eth0 := k.link("eth0").Attrs().Index
	other := &netlink.NexthopInfo{LinkIndex: eth0, Via: &netlink.Via{AddrFamily: unix.AF_INET6, Addr: gateway.AsSlice()}}
	k.addRoutes(k.to("0.0.0.0/0", other), k.to("203.0.113.0/24", other, k.via("198.51.100.201", "eth1", 1)), k.to("::/0", k.via("2001:db8:1::1", "eth0", 1)))
	got := readIn(t, n, ReadRoutes)
	if want := (NextHop{Gateway: gateway, Interface: eth0}); len(got.Default) != 2 || !slices.Equal(got.Default[0].NextHops, []NextHop{want}) {
		t.Errorf("default routes %+v, want next hop %+v", got.Default, want)
	}
	if way := wayBy(t, got, gateway, eth0); way.Routes != 3 || way.Only != 2 {
		t.Errorf("%+v, want 3 routes of both families, 2 of them only", way)
	}
}

// Thirty routers advertise themselves: one default route each, of which each is
// another way for all others.
func TestReadRoutesAdvertised(t *testing.T) {
	n, k := uplinks(t)
	for i := range 30 {
		r := k.to("::/0", k.via(fmt.Sprintf("2001:db8:1::1:%x", i), "eth0", 1))
		r.Protocol, r.Priority = unix.RTPROT_RA, 1024+i
		k.addRoutes(r)
	}
	got := readIn(t, n, ReadRoutes)
	advertised := 0
	for _, w := range got.Ways {
		advertised += w.Advertised
		if w.Advertised > 0 && (w.Routes != 1 || w.Only != 0 || !w.Default) {
			t.Errorf("%+v", w)
		}
	}
	if advertised != 30 || len(got.Default) != 30 || got.Default[0].Origin != OriginRouterAdvertisement {
		t.Errorf("%d of %d default routes advertised: %+v", advertised, len(got.Default), got.Default)
	}
}

// A link that loses its carrier shows at the routes and ways by it.
func TestReadRoutesLinkDown(t *testing.T) {
	n, k := uplinks(t)
	k.addRoutes(k.to("0.0.0.0/0", k.via("198.51.100.1", "eth0", 1), k.via("198.51.100.201", "eth1", 1)),
		k.to("::/0", k.via("2001:db8:1::1", "eth0", 1)))
	k.must(k.LinkSetDown(k.link("far0")))
	eth0, eth1 := k.link("eth0").Attrs().Index, k.link("eth1").Attrs().Index
	labtest.Eventually(t, within, "next hops are down", func() error {
		got := readIn(t, n, ReadRoutes)
		if d := cmp.Diff(only(k.fib(), func(r FIBRoute) bool { return r.Destination.Bits() == 0 }), got.Default, same); d != "" {
			return fmt.Errorf("-library +ReadRoutes:\n%s", d)
		}
		for _, c := range []struct {
			gateway string
			iface   int
			down    bool
		}{{"198.51.100.1", eth0, true}, {"198.51.100.201", eth1, false}, {"2001:db8:1::1", eth0, true}} {
			if w := wayBy(t, got, netip.MustParseAddr(c.gateway), c.iface); w.LinkDown != c.down || w.Dead {
				return fmt.Errorf("%+v, want link down %v", w, c.down)
			}
		}
		return nil
	})
}

// More routes than one datagram holds, more of each kind than are kept, and those
// that matter among the last.
func TestReadRoutesMany(t *testing.T) {
	const many = 3000
	n, k := uplinks(t)
	var routes [][]byte
	for i := range many {
		gateway := netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)})
		to := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)
		routes = append(routes, rawRoute(to, 100, k.link("eth0").Attrs().Index, gateway, attribute(unix.RTAX_ADVMSS, -1, u32(1400)...)...))
	}
	addRaw(t, n, routes)
	tagged := k.to("203.0.113.0/24", k.via("198.51.100.1", "eth0", 1))
	tagged.MTU, tagged.Table = 1400, 1000000
	uplink := k.to("0.0.0.0/0", k.via("198.51.100.2", "eth0", 1))
	uplink.Table = 1000000
	k.addRoutes(tagged, uplink)
	got := readIn(t, n, ReadRoutes)
	if got.IPv4 < many || len(got.Tagged) != MaxKept || len(got.Ways) != MaxKept {
		t.Errorf("%d routes, %d tagged, %d ways", got.IPv4, len(got.Tagged), len(got.Ways))
	}
	if first := got.Tagged[0]; first.MTU != 1400 || len(got.Default) != 1 || !wayBy(t, got, netip.MustParseAddr("198.51.100.2"), k.link("eth0").Attrs().Index).Default {
		t.Errorf("what matters is left out: first of the tagged %+v, default %+v", first, got.Default)
	}
	leftOut := many + 1 - len(got.Tagged)
	for _, r := range k.fib() {
		named := func(w Way) bool { return w.Gateway == r.NextHops[0].Gateway && w.Interface == r.NextHops[0].Interface }
		if r.Type == RouteUnicast && !slices.ContainsFunc(got.Ways, named) {
			leftOut++
		}
	}
	if got.LeftOut != leftOut {
		t.Errorf("%d left out, want %d", got.LeftOut, leftOut)
	}
}

// rawRoute is `PREFIX via GATEWAY dev IFACE table TABLE` with metrics, as
// RTM_NEWROUTE has it.
func rawRoute(to netip.Prefix, table uint32, iface int, gateway netip.Addr, metrics ...byte) []byte {
	family := byte(unix.AF_INET6)
	if to.Addr().Is4() {
		family = unix.AF_INET
	}
	b := routeMessage(family, byte(to.Bits()), unix.RTN_UNICAST)
	b[rtmProtocol] = unix.RTPROT_BGP
	binary.NativeEndian.PutUint32(b[rtmFlags:], unix.RTNH_F_ONLINK)
	for _, a := range [][]byte{
		attribute(unix.RTA_DST, -1, to.Addr().AsSlice()...), attribute(unix.RTA_GATEWAY, -1, gateway.AsSlice()...),
		attribute(unix.RTA_OIF, -1, u32(uint32(iface))...), attribute(unix.RTA_TABLE, -1, u32(table)...),
		attribute(unix.RTA_METRICS, -1, metrics...),
	} {
		b = append(b, a...)
	}
	return b
}

// addRaw adds routes a few hundred at a time.
func addRaw(t testing.TB, n *lab.Node, routes [][]byte) {
	t.Helper()
	if err := n.Do(func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		for batch := range slices.Chunk(routes, 200) {
			var b []byte
			for i, r := range batch {
				flags := uint16(unix.NLM_F_REQUEST | unix.NLM_F_CREATE)
				if i == len(batch)-1 {
					flags |= unix.NLM_F_ACK
				}
				b = append(b, message(-1, unix.RTM_NEWROUTE, flags, uint32(i), r...)...)
			}
			if err := unix.Sendto(fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
				return err
			}
			answer := make([]byte, answerBytes)
			got, err := unix.Read(fd, answer)
			if err != nil {
				return err
			}
			if errno := int32(binary.NativeEndian.Uint32(answer[headerBytes:])); got < headerBytes+4 || errno != 0 {
				return fmt.Errorf("add routes: %w", unix.Errno(-errno))
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// Tables that change meanwhile are no error, and what stays is there.
func TestReadRoutesRestless(t *testing.T) {
	n, k := uplinks(t)
	eth0 := k.link("eth0").Attrs().Index
	gateway := netip.MustParseAddr("198.51.100.1")
	var routes [][]byte
	for i := range 2000 {
		to := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)
		routes = append(routes, rawRoute(to, TableMain, eth0, gateway))
	}
	addRaw(t, n, routes)
	k.addAddress("lo", "192.0.2.1/32", "2001:db8:ffff::1/128")
	awaitLocal(t, openQuery(t, n), "192.0.2.1", "2001:db8:ffff::1")
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			come := k.to(fmt.Sprintf("203.0.113.%d/32", i%256), k.via("198.51.100.1", "eth0", 1))
			go6 := k.to(fmt.Sprintf("2001:db8:c::%x/128", i%256), k.via("2001:db8:1::1", "eth0", 1))
			vip := address(fmt.Sprintf("192.0.2.%d/32", 2+i%200))
			for _, change := range []func() error{
				func() error { return k.RouteAdd(come) }, func() error { return k.RouteAdd(go6) },
				func() error { return k.AddrAdd(k.link("lo"), vip) }, func() error { return k.AddrDel(k.link("lo"), vip) },
				func() error { return k.RouteDel(come) }, func() error { return k.RouteDel(go6) },
			} {
				if err := change(); err != nil {
					stopped <- err
					return
				}
			}
		}
	}()
	for range 50 {
		got := readIn(t, n, ReadRoutes)
		if way := wayBy(t, got, gateway, eth0); way.Routes < 2000 || got.IPv4 < 2000 {
			t.Errorf("%d routes, %+v", got.IPv4, way)
		}
		for _, a := range got.Addresses {
			if p := netip.PrefixFrom(a.Prefix.Addr(), a.Prefix.Addr().BitLen()); !a.Tentative && !slices.Contains(got.Local, p) {
				t.Errorf("%v is an address without its local route", a.Prefix)
			}
		}
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
}

// No reader needs a capability.
func TestReadRoutesUnprivileged(t *testing.T) {
	n, k := uplinks(t)
	k.addRoutes(k.to("0.0.0.0/0", k.via("198.51.100.1", "eth0", 1)))
	if err := n.Do(func() error {
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil {
			return err
		}
		if r, err := ReadRoutes(); err != nil || len(r.Default) != 1 {
			t.Errorf("routes %+v, %v", r, err)
		}
		if r, err := ReadRules(); err != nil || len(r) != 5 {
			t.Errorf("rules %+v, %v", r, err)
		}
		if e, err := ReadExceptions(); err != nil || e.IPv4.Count != 0 {
			t.Errorf("exceptions %+v, %v", e, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkReadRoutes reads 100 000 routes, half of each family, by 64 gateways.
func BenchmarkReadRoutes(b *testing.B) {
	const each = 50_000
	n, k := uplinks(b)
	eth0 := k.link("eth0").Attrs().Index
	var routes [][]byte
	for i := range each {
		gateway4 := netip.AddrFrom4([4]byte{198, 18, 0, byte(i % 64)})
		to4 := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)
		to6, gateway6 := [16]byte{0x20, 1, 0xd, 0xb8, byte(i >> 8), byte(i)}, [16]byte{0x20, 1, 0xd, 0xb8, 15: byte(i % 64)}
		routes = append(routes, rawRoute(to4, TableMain, eth0, gateway4),
			rawRoute(netip.PrefixFrom(netip.AddrFrom16(to6), 48), TableMain, eth0, netip.AddrFrom16(gateway6)))
	}
	addRaw(b, n, routes)
	if err := n.Do(func() error {
		b.ReportAllocs()
		for b.Loop() {
			r, err := ReadRoutes()
			if err != nil || r.IPv4 < each || r.IPv6 < each || r.LeftOut != 0 {
				b.Fatal(r.IPv4, r.IPv6, r.LeftOut, err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(2*each), "ns/route")
		return nil
	}); err != nil {
		b.Fatal(err)
	}
}
