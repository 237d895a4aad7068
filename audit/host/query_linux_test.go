package host

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// openQuery asks in the node until the test ends.
func openQuery(t testing.TB, n *lab.Node) (q *Query) {
	t.Helper()
	if err := n.Do(func() (err error) {
		q, err = OpenQuery()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	})
	return q
}

var loopback = netip.MustParseAddrPort("127.0.0.1:443")

func to(destination string) RouteRequest {
	return RouteRequest{Destination: netip.MustParseAddr(destination)}
}

func (r RouteRequest) from(source string) RouteRequest {
	r.Source = netip.MustParseAddr(source)
	return r
}

// edge is a node with an uplink, a default route of each family and VIPs in
// every placement.
func edge(t testing.TB) (*lab.Node, kernel) {
	t.Helper()
	n := labtest.Node(t, "edge")
	k := kernel{n.Handle(), t}
	k.addVeth("eth0", "far0", 1500, "02:00:5e:10:00:01")
	k.setUp("eth0", "far0")
	k.addAddress("eth0", "198.51.100.7/24", "2001:db8:1::7/64")
	k.addAddress("lo", "192.0.2.1/32", "2001:db8:ffff::1/128")
	for _, r := range []*netlink.Route{
		k.route(unix.RTN_LOCAL, "192.0.2.128/25", "lo", unix.RT_TABLE_LOCAL),
		k.route(unix.RTN_LOCAL, "2001:db8:a::/64", "lo", unix.RT_TABLE_LOCAL),
		k.route(unix.RTN_LOCAL, "192.0.2.64/26", "lo", unix.RT_TABLE_MAIN),
		k.route(unix.RTN_LOCAL, "2001:db8:b::/64", "lo", unix.RT_TABLE_MAIN),
		{Dst: ipNet(netip.MustParsePrefix("0.0.0.0/0")), Gw: netip.MustParseAddr("198.51.100.254").AsSlice()},
		{Dst: ipNet(netip.MustParsePrefix("::/0")), Gw: netip.MustParseAddr("2001:db8:1::ffff").AsSlice()},
		{Dst: ipNet(netip.MustParsePrefix("203.0.113.0/25")), Gw: netip.MustParseAddr("198.51.100.253").AsSlice(), MTU: 1400,
			Src: netip.MustParseAddr("192.0.2.1").AsSlice()},
		{Dst: ipNet(netip.MustParsePrefix("2001:db8:c::/64")), Gw: netip.MustParseAddr("2001:db8:1::fffe").AsSlice(), MTU: 1400,
			Src: netip.MustParseAddr("2001:db8:ffff::1").AsSlice()},
	} {
		if err := k.RouteAdd(r); err != nil {
			t.Fatalf("%v: %v", r.Dst, err)
		}
	}
	awaitLocal(t, openQuery(t, n), "198.51.100.7", "2001:db8:1::7", "192.0.2.1", "2001:db8:ffff::1")
	return n, k
}

// awaitLocal waits for addresses to be usable: those of IPv6 are so a moment
// after they were added.
func awaitLocal(t testing.TB, q *Query, addresses ...string) {
	t.Helper()
	labtest.Eventually(t, within, "addresses are local", func() error {
		for _, a := range addresses {
			if r, err := q.Route(to(a)); err != nil || !r.Local {
				return fmt.Errorf("%s: %+v, %w", a, r, err)
			}
		}
		return nil
	})
}

// truth is the route as another library reads it.
func (k kernel) truth(r RouteRequest) Route {
	k.t.Helper()
	options := &netlink.RouteGetOptions{}
	if r.Source.IsValid() {
		options.SrcAddr = r.Source.AsSlice()
	}
	routes, err := k.RouteGetWithOptions(r.Destination.AsSlice(), options)
	k.must(err)
	if len(routes) != 1 {
		k.t.Fatalf("%d routes to %v", len(routes), r.Destination)
	}
	found := Route{
		Local: routes[0].Type == unix.RTN_LOCAL, Interface: routes[0].LinkIndex, MTU: uint32(routes[0].MTU), Source: r.Source,
	}
	if a, ok := netip.AddrFromSlice(routes[0].Src); ok && !r.Source.IsValid() {
		found.Source = a.Unmap()
	}
	if a, ok := netip.AddrFromSlice(routes[0].Gw); ok {
		found.Gateway = a.Unmap()
	}
	return found
}

func TestRoute(t *testing.T) {
	n, k := edge(t)
	q := openQuery(t, n)
	eth0, lo := k.link("eth0").Attrs().Index, k.link("lo").Attrs().Index
	at := netip.MustParseAddr
	for _, c := range []struct {
		name    string
		request RouteRequest
		want    Route
	}{
		{"on the link", to("198.51.100.8"), Route{Interface: eth0, Source: at("198.51.100.7")}},
		{"on the link", to("2001:db8:1::8"), Route{Interface: eth0, Source: at("2001:db8:1::7")}},
		{"by the default route", to("203.0.113.200"), Route{Interface: eth0, Source: at("198.51.100.7"), Gateway: at("198.51.100.254")}},
		{"by the default route", to("2001:db8:d::1"), Route{Interface: eth0, Source: at("2001:db8:1::7"), Gateway: at("2001:db8:1::ffff")}},
		{"MTU and source of the route", to("203.0.113.1"),
			Route{Interface: eth0, Source: at("192.0.2.1"), Gateway: at("198.51.100.253"), MTU: 1400}},
		{"MTU and source of the route", to("2001:db8:c::1"),
			Route{Interface: eth0, Source: at("2001:db8:ffff::1"), Gateway: at("2001:db8:1::fffe"), MTU: 1400}},
		{"own source", to("203.0.113.1").from("198.51.100.7"),
			Route{Interface: eth0, Source: at("198.51.100.7"), Gateway: at("198.51.100.253"), MTU: 1400}},
		{"own source", to("2001:db8:c::1").from("2001:db8:1::7"),
			Route{Interface: eth0, Source: at("2001:db8:1::7"), Gateway: at("2001:db8:1::fffe"), MTU: 1400}},
		{"AnyIP source", to("198.51.100.8").from("192.0.2.200"), Route{Interface: eth0, Source: at("192.0.2.200")}},
		{"AnyIP source", to("2001:db8:1::8").from("2001:db8:a::1"), Route{Interface: eth0, Source: at("2001:db8:a::1")}},
		// IPv6 does not ask whose the source is.
		{"foreign source", to("2001:db8:1::8").from("2001:db8:d::1"), Route{Interface: eth0, Source: at("2001:db8:d::1")}},
		{"broadcast", to("198.51.100.255"), Route{Interface: eth0, Source: at("198.51.100.7")}},

		{"VIP on lo", to("192.0.2.1"), Route{Local: true, Interface: lo, Source: at("192.0.2.1")}},
		{"VIP on lo", to("2001:db8:ffff::1"), Route{Local: true, Interface: lo, Source: at("2001:db8:ffff::1")}},
		{"VIP on an interface", to("198.51.100.7"), Route{Local: true, Interface: lo, Source: at("198.51.100.7")}},
		{"VIP on an interface", to("2001:db8:1::7"), Route{Local: true, Interface: lo, Source: at("2001:db8:1::7")}},
		{"VIP in an AnyIP prefix", to("192.0.2.200"), Route{Local: true, Interface: lo, Source: at("192.0.2.200")}},
		{"VIP in an AnyIP prefix", to("2001:db8:a::1"), Route{Local: true, Interface: lo, Source: at("2001:db8:ffff::1")}},
		{"VIP in an AnyIP prefix of the main table", to("192.0.2.65"), Route{Local: true, Interface: lo, Source: at("192.0.2.65")}},
		{"VIP in an AnyIP prefix of the main table", to("2001:db8:b::1"), Route{Local: true, Interface: lo, Source: at("2001:db8:ffff::1")}},
		{"VIP withdrawn", to("192.0.2.2"), Route{Interface: eth0, Source: at("198.51.100.7"), Gateway: at("198.51.100.254")}},
		{"VIP withdrawn", to("2001:db8:ffff::2"), Route{Interface: eth0, Source: at("2001:db8:1::7"), Gateway: at("2001:db8:1::ffff")}},
	} {
		got, err := q.Route(c.request)
		if err != nil || got != c.want {
			t.Errorf("%s: %v from %v: %+v, %v, want %+v", c.name, c.request.Destination, c.request.Source, got, err, c.want)
		}
		if truth := k.truth(c.request); got != truth {
			t.Errorf("%s: %+v, another library reads %+v", c.name, got, truth)
		}
		if local, err := q.Local(c.request.Destination); err != nil || local != c.want.Local {
			t.Errorf("%s: %v is local: %v, %v, want %v", c.name, c.request.Destination, local, err, c.want.Local)
		}
	}
}

func TestNoRoute(t *testing.T) {
	n := labtest.Node(t, "host")
	k := kernel{n.Handle(), t}
	k.addVeth("eth0", "far0", 1500, "02:00:5e:10:00:01")
	k.setUp("eth0", "far0")
	k.addAddress("eth0", "198.51.100.7/24", "2001:db8:1::7/64")
	for prefix, kind := range map[string]int{
		"203.0.113.1/32": unix.RTN_BLACKHOLE, "2001:db8:c::1/128": unix.RTN_BLACKHOLE,
		"203.0.113.2/32": unix.RTN_UNREACHABLE, "2001:db8:c::2/128": unix.RTN_UNREACHABLE,
		"203.0.113.3/32": unix.RTN_PROHIBIT, "2001:db8:c::3/128": unix.RTN_PROHIBIT,
		"203.0.113.4/32": unix.RTN_THROW, "2001:db8:c::4/128": unix.RTN_THROW,
	} {
		k.must(k.RouteAdd(&netlink.Route{Dst: ipNet(netip.MustParsePrefix(prefix)), Type: kind}))
	}
	q := openQuery(t, n)
	for name, r := range map[string]RouteRequest{
		"unknown":          to("203.0.113.5"),
		"unknown IPv6":     to("2001:db8:c::5"),
		"blackhole":        to("203.0.113.1"),
		"blackhole IPv6":   to("2001:db8:c::1"),
		"unreachable":      to("203.0.113.2"),
		"unreachable IPv6": to("2001:db8:c::2"),
		"prohibit":         to("203.0.113.3"),
		"prohibit IPv6":    to("2001:db8:c::3"),
		"throw":            to("203.0.113.4"),
		"throw IPv6":       to("2001:db8:c::4"),
		"foreign source":   to("198.51.100.8").from("192.0.2.1"),
		"multicast source": to("198.51.100.8").from("224.0.0.1"),
	} {
		if got, err := q.Route(r); !errors.Is(err, ErrNoRoute) || got != (Route{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if local, err := q.Local(r.Destination); err != nil || local {
			t.Errorf("%s: local %v, %v", name, local, err)
		}
	}
}

// What is not asked properly is neither an answer on routes nor the end of the
// connection.
func TestRouteRefuses(t *testing.T) {
	n := labtest.Node(t, "host")
	q := openQuery(t, n)
	for name, r := range map[string]RouteRequest{
		"nothing":               {},
		"unspecified":           to("0.0.0.0"),
		"unspecified IPv6":      to("::"),
		"IPv4 in IPv6":          to("::ffff:127.0.0.1"),
		"zone":                  to("fe80::1%lo"),
		"source of IPv6":        to("127.0.0.1").from("::1"),
		"source of IPv4":        to("::1").from("127.0.0.1"),
		"source with a zone":    to("fe80::1").from("fe80::2%lo"),
		"source is IPv4 mapped": to("::1").from("::ffff:127.0.0.1"),
	} {
		got, err := q.Route(r)
		if err == nil || errors.Is(err, ErrNoRoute) || errors.Is(err, ErrUnsupported) || got != (Route{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for _, nobody := range []string{"0.0.0.0", "::", "::ffff:127.0.0.1", "fe80::1%lo"} {
		if local, err := q.Local(netip.MustParseAddr(nobody)); err == nil || local {
			t.Errorf("%s is local: %v, %v", nobody, local, err)
		}
	}
	for _, loopback := range []string{"127.0.0.1", "::1"} {
		r := to(loopback)
		r.Protocol = unix.IPPROTO_SCTP
		if _, err := q.Route(r); !errors.Is(err, ErrUnsupported) || errors.Is(err, ErrNoRoute) {
			t.Errorf("SCTP to %s: %v", loopback, err)
		}
		if got, err := q.Route(to(loopback)); err != nil || !got.Local {
			t.Errorf("%s: %+v, %v", loopback, got, err)
		}
	}
}

// Each field of a request reaches the kernel's rules.
func TestRouteHeedsEveryField(t *testing.T) {
	n, k := edge(t)
	q := openQuery(t, n)
	for _, flow := range []RouteRequest{
		{netip.MustParseAddr("203.0.113.200"), netip.MustParseAddr("192.0.2.1"), unix.IPPROTO_TCP, 443, 50000},
		{netip.MustParseAddr("2001:db8:d::1"), netip.MustParseAddr("2001:db8:ffff::1"), unix.IPPROTO_UDP, 443, 50000},
	} {
		family, everywhere := unix.AF_INET, "0.0.0.0/0"
		if flow.Source.Is6() {
			family, everywhere = unix.AF_INET6, "::/0"
		}
		selected := k.route(unix.RTN_UNICAST, everywhere, "eth0", 1000)
		selected.MTU = 1300
		k.must(k.RouteAdd(selected))
		for _, c := range []struct {
			field  string
			rule   func(*netlink.Rule)
			forget func(*RouteRequest)
		}{
			{"source", func(r *netlink.Rule) { r.Src = ipNet(netip.PrefixFrom(flow.Source, flow.Source.BitLen())) },
				func(r *RouteRequest) { r.Source = netip.Addr{} }},
			{"protocol", func(r *netlink.Rule) { r.IPProto = int(flow.Protocol) },
				func(r *RouteRequest) { r.Protocol = unix.IPPROTO_TCP + unix.IPPROTO_UDP - flow.Protocol }},
			{"source port", func(r *netlink.Rule) { r.Sport = netlink.NewRulePortRange(443, 443) },
				func(r *RouteRequest) { r.SourcePort = 0 }},
			{"destination port", func(r *netlink.Rule) { r.Dport = netlink.NewRulePortRange(50000, 50000) },
				func(r *RouteRequest) { r.DestinationPort = 0 }},
		} {
			rule := netlink.NewRule()
			rule.Family, rule.Table, rule.Priority = family, 1000, 100
			c.rule(rule)
			k.must(k.RuleAdd(rule))
			if got, err := q.Route(flow); err != nil || got.MTU != 1300 {
				t.Errorf("%s of %v: %+v, %v, want the rule's route", c.field, flow, got, err)
			}
			without := flow
			c.forget(&without)
			if got, err := q.Route(without); err != nil || got.MTU != 0 {
				t.Errorf("other %s than %v: %+v, %v, want the main table's route", c.field, flow, got, err)
			}
			k.must(k.RuleDel(rule))
		}
	}
}

// Whether an address is local takes the kernel no longer where it has hundreds.
func TestLocalAmongMany(t *testing.T) {
	const addresses, rounds = 512, 200
	n := labtest.Node(t, "host")
	q := openQuery(t, n)
	fastest := func(a netip.Addr) time.Duration {
		least := time.Hour
		for range rounds {
			begin := time.Now()
			local, err := q.Local(a)
			least = min(least, time.Since(begin))
			if err != nil || !local {
				t.Fatalf("%v is local: %v, %v", a, local, err)
			}
		}
		return least
	}
	for _, first := range []string{"198.18.0.1", "2001:db8:d::1"} {
		var held []netip.Addr
		for a := netip.MustParseAddr(first); len(held) < addresses; a = a.Next() {
			held = append(held, a)
		}
		labtest.HoldAddresses(t, n, held[0])
		one := fastest(held[0])
		labtest.HoldAddresses(t, n, held[1:]...)
		many := fastest(held[addresses-1])
		t.Logf("%v with one address, %v with %d", one, many, addresses)
		if many > 5*one {
			t.Errorf("%v: with %d addresses it takes %v, with one %v", held[0], addresses, many, one)
		}
	}
}

// A route that was advertised and so expires is no exception.
func TestRouteThatExpires(t *testing.T) {
	n, k := edge(t)
	q := openQuery(t, n)
	message := nl.NewRtMsg()
	message.Family, message.Dst_len = unix.AF_INET6, 128
	request := nl.NewNetlinkRequest(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_ACK)
	request.AddData(message)
	request.AddData(nl.NewRtAttr(unix.RTA_DST, netip.MustParseAddr("2001:db8:e::1").AsSlice()))
	request.AddData(nl.NewRtAttr(unix.RTA_OIF, u32(uint32(k.link("eth0").Attrs().Index))))
	request.AddData(nl.NewRtAttr(unix.RTA_EXPIRES, u32(600)))
	metrics := nl.NewRtAttr(unix.RTA_METRICS, nil)
	metrics.AddChild(nl.NewRtAttr(unix.RTAX_MTU, u32(1450)))
	request.AddData(metrics)
	k.must(n.Do(func() error {
		_, err := request.Execute(unix.NETLINK_ROUTE, 0)
		return err
	}))
	got, err := q.Route(to("2001:db8:e::1"))
	if err != nil || got.MTU != 1450 || got.Expires != 0 {
		t.Errorf("%+v, %v, want MTU 1450 that is not learned", got, err)
	}
}

// What a router's PTB taught the kernel shows, and is what the sockets go by.
func TestLearnedPathMTU(t *testing.T) {
	l := labtest.New(t, lab.Options{Servers: 1, Clients: 1})
	server := l.Servers[0]
	q, sockets := openQuery(t, server), openSockets(t, server)
	for _, f := range lab.Families() {
		vip := netip.AddrPortFrom(l.VIP(f), 443)
		client := netip.AddrPortFrom(l.ClientAddr(f, 0), 50000)
		expect := func(when string, mtu uint32, learned bool) {
			t.Helper()
			r, err := q.Route(RouteRequest{client.Addr(), vip.Addr(), unix.IPPROTO_TCP, vip.Port(), client.Port()})
			if err != nil || r.MTU != mtu || learned != (r.Expires > 9*time.Minute && r.Expires <= 10*time.Minute) {
				t.Errorf("%v, %s: %+v, %v, want MTU %d, learned %v", f, when, r, err, mtu, learned)
			}
		}
		expect("before", 0, false)

		tcp := connect(t, l.Client, server, vip, client)
		before := tcpPathMTU(t, tcp)
		if s, ok, err := sockets.Find(unix.IPPROTO_TCP, vip, client); err != nil || !ok || s.PathMTU != before || before != 1500 {
			t.Errorf("%v before: %+v, %v, %v, the socket says %d", f, s, ok, err, before)
		}
		if _, err := tcp.Write(make([]byte, 20_000)); err != nil {
			t.Fatal(err)
		}
		labtest.Eventually(t, within, "the connection learns its path MTU", func() error {
			if mtu := tcpPathMTU(t, tcp); mtu != 1400 {
				return errors.New("it has not")
			}
			return nil
		})
		if s, ok, err := sockets.Find(unix.IPPROTO_TCP, vip, client); err != nil || !ok || s.PathMTU != 1400 {
			t.Errorf("%v after: %+v, %v, %v, want path MTU 1400", f, s, ok, err)
		}
		expect("after", 1400, true)

		udp := connectUDP(t, server, vip, client)
		if mtu := socketMTU(t, udp, f); mtu != 1400 {
			t.Errorf("%v: a connected UDP socket goes by %d", f, mtu)
		}
	}
}

// Neither queries nor look-ups need a capability.
func TestQueriesUnprivileged(t *testing.T) {
	n := labtest.Node(t, "host")
	if err := n.Do(func() error {
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil {
			return err
		}
		q, err := OpenQuery()
		if err != nil {
			return err
		}
		defer q.Close()
		s, err := OpenSockets()
		if err != nil {
			return err
		}
		defer s.Close()
		if r, err := q.Route(to("127.0.0.1")); err != nil || !r.Local {
			t.Errorf("route: %+v, %v", r, err)
		}
		if _, ok, err := s.Find(unix.IPPROTO_TCP, loopback, loopback); err != nil || ok {
			t.Errorf("socket: %v, %v", ok, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkRoute(b *testing.B) {
	n, _ := edge(b)
	q := openQuery(b, n)
	for _, c := range []struct{ name, destination string }{
		{"local4", "192.0.2.1"}, {"local6", "2001:db8:ffff::1"}, {"unicast4", "203.0.113.1"}, {"unicast6", "2001:db8:c::1"},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := to(c.destination)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := q.Route(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
