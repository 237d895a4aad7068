package integration

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// routingFaults are those of routes, next hops and addresses.
func routingFaults() []fault {
	return slices.Concat(tagFaults(), nextHopFaults(), addressFaults(), vipFaults(), ruleFaults())
}

func tagFaults() []fault {
	return []fault{
		{
			id: "route-mtu-tag", name: "of the IPv6 default route",
			commit: func(e edge) func() { return e.tag(lab.IPv6, 1280, false) },
			told:   []string{"warning route-mtu-tag ::/0 table main metric 1024"},
			seen:   func(e edge) bool { return e.pathMTU(lab.IPv6) == 1280 },
		},
		{
			id: "route-mtu-tag", name: "of the IPv4 default route, locked",
			commit: func(e edge) func() { return e.tag(lab.IPv4, 1500, true) },
			told:   []string{"warning route-mtu-tag 0.0.0.0/0 table main metric 0"},
		},
		{
			id: "route-mtu-tag", name: "of a prefix",
			commit: func(e edge) func() {
				r := e.defaultRoute(lab.IPv4)
				r.Dst, r.MTU, r.Priority = ipNetOf(netip.MustParsePrefix("203.0.113.0/24")), 1400, 7
				e.add(r)
				return nil
			},
			told: []string{"info route-mtu-tag 203.0.113.0/24 table main metric 7"},
			seen: func(e edge) bool { return e.pathMTU(lab.IPv4) == 1400 },
		},
	}
}

// tag gives the default route an MTU.
func (e edge) tag(f lab.Family, mtu int, lock bool) (undo func()) {
	e.t.Helper()
	r := e.defaultRoute(f)
	r.MTU, r.MTULock = mtu, lock
	e.must(e.Handle().RouteReplace(&r))
	return nil
}

// pathMTU is what the kernel sends to the client with, in bytes.
func (e edge) pathMTU(f lab.Family) int {
	e.t.Helper()
	mtu, _, err := e.PathMTU(e.lab.VIP(f), e.lab.ClientAddr(f, 0))
	e.must(err)
	return mtu
}

// nobody is an address of the lab's segment that no machine has.
const (
	nobody4 = "198.51.100.200"
	nobody6 = "2001:db8:3::dead"
)

func nextHopFaults() []fault {
	return []fault{
		{
			id: "nexthop-unreachable", name: "beside another",
			commit: func(e edge) func() {
				e.add(e.by(nobody6, 2048))
				e.lose(nobody6)
				return nil
			},
			told: []string{"warning nexthop-unreachable via " + nobody6 + " dev eth0"},
			seen: edge.routesByFailed,
		},
		{
			id: "nexthop-unreachable", name: "the only one",
			commit: func(e edge) func() {
				restore := e.replace(e.defaultRoute(lab.IPv4), e.by(nobody4, 0))
				e.lose(nobody4)
				return restore
			},
			told: []string{"error nexthop-unreachable via " + nobody4 + " dev eth0"},
			seen: edge.routesByFailed,
		},
		{
			id: "nexthop-unexpected", name: "advertisements are believed",
			commit: func(e edge) func() {
				e.set("net/ipv6/conf/eth0/accept_ra", "1")
				return nil
			},
			told: []string{"info nexthop-unexpected eth0"},
		},
		{
			id: "nexthop-unexpected", name: "three routers",
			commit: func(e edge) func() {
				e.believe(3)
				return func() { e.disbelieve(3) }
			},
			told: []string{
				"warning nexthop-unexpected via fe80::a1 dev eth0, via fe80::a2 dev eth0, via fe80::a3 dev eth0",
				"info nexthop-unexpected eth0",
			},
			seen: func(e edge) bool { return e.advertised() == 3 },
		},
		{
			id: "ipv6-multipath-exceptions", name: "two gateways",
			commit: func(e edge) func() {
				old := e.defaultRoute(lab.IPv6)
				several := netlink.Route{Dst: old.Dst, Priority: old.Priority, MultiPath: []*netlink.NexthopInfo{
					{LinkIndex: e.index(), Gw: old.Gw}, {LinkIndex: e.index(), Gw: net.ParseIP("2001:db8:3::fffe")},
				}}
				return e.replace(old, several)
			},
			told: []string{"info ipv6-multipath-exceptions ::/0 table main metric 1024"},
		},
	}
}

// believe has that many routers advertise themselves to a server that lets them,
// until all are next hops.
func (e edge) believe(routers int) {
	e.t.Helper()
	e.set("net/ipv6/conf/eth0/accept_ra", "1")
	e.advertise(routers, 30*time.Minute)
	e.awaitAdvertised(routers)
}

// disbelieve has them say that they are routers no more.
func (e edge) disbelieve(routers int) {
	e.t.Helper()
	e.advertise(routers, 0)
	e.awaitAdvertised(0)
	e.set("net/ipv6/conf/eth0/accept_ra", "0")
}

func (e edge) awaitAdvertised(routers int) {
	e.t.Helper()
	labtest.Eventually(e.t, 5*time.Second, "advertisements are heard", func() error {
		if got := e.advertised(); got != routers {
			return fmt.Errorf("%d next hops, want %d", got, routers)
		}
		return nil
	})
}

// advertised is how many routes are there because a router said so.
func (e edge) advertised() (routes int) {
	e.t.Helper()
	for _, r := range e.routes(anywhere(lab.IPv6), unix.RT_TABLE_MAIN) {
		if r.Protocol == unix.RTPROT_RA {
			routes++
		}
	}
	return routes
}

// advertise sends advertisements (RFC 4861 section 4.2) of routers fe80::a1 and so
// on to all nodes of the segment.
func (e edge) advertise(routers int, lifetime time.Duration) {
	e.t.Helper()
	for i := range routers {
		ip := layers.IPv6{
			Version: 6, HopLimit: 255, NextHeader: layers.IPProtocolICMPv6,
			SrcIP: net.ParseIP(advertiser(i)), DstIP: net.IPv6linklocalallnodes,
		}
		icmp := layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeRouterAdvertisement, 0)}
		e.must(icmp.SetNetworkLayerForChecksum(&ip))
		b := gopacket.NewSerializeBuffer()
		e.must(gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
			&layers.Ethernet{SrcMAC: routerMAC, DstMAC: net.HardwareAddr{0x33, 0x33, 0, 0, 0, 1}, EthernetType: layers.EthernetTypeIPv6},
			&ip, &icmp, &layers.ICMPv6RouterAdvertisement{HopLimit: 64, RouterLifetime: uint16(lifetime / time.Second)}))
		e.must(e.lab.Router.SendFrame(e.lab.RouterInterface(0), b.Bytes()))
	}
}

// advertiser is the address of router i.
func advertiser(i int) string { return fmt.Sprintf("fe80::a%x", i+1) }

func addressFaults() []fault {
	return []fault{
		{
			id: "local-route-missing", name: "IPv6",
			commit: func(e edge) func() { return e.forget("2001:db8:3::1/128") },
			told:   []string{"error local-route-missing 2001:db8:3::1"},
			seen:   func(e edge) bool { return !e.local("2001:db8:3::1") },
		},
		{
			id: "local-route-missing", name: "IPv4",
			commit: func(e edge) func() { return e.forget("198.51.100.129/32") },
			told:   []string{"error local-route-missing 198.51.100.129"},
			seen:   func(e edge) bool { return !e.local("198.51.100.129") },
		},
		{
			id: "vip-subnet-router-anycast", name: "an address of eth0",
			commit: func(e edge) func() { return e.hold("eth0", "2001:db8:7::/112") },
			told:   []string{"warning vip-subnet-router-anycast 2001:db8:7::"},
		},
		{
			id: "vip-subnet-router-anycast", name: "a VIP on loopback",
			commit: func(e edge) func() {
				drop := e.hold("lo", "2001:db8:3::/128")
				e.awaitLocal("2001:db8:3::")
				return drop
			},
			told: []string{"warning vip-subnet-router-anycast 2001:db8:3::"},
		},
		{
			id: "source-selection-cost", name: "130 VIPs",
			commit: func(e edge) func() {
				for i := range 130 {
					e.hold("lo", fmt.Sprintf("2001:db8:ffff::1:%x/128", i))
				}
				return nil
			},
			told: []string{"warning source-selection-cost eth0"},
		},
	}
}

// awaitLocal waits until an address is: the kernel adds the routes of IPv6 a moment
// later.
func (e edge) awaitLocal(a string) {
	e.t.Helper()
	labtest.Eventually(e.t, 5*time.Second, a+" is local", func() error {
		if !e.local(a) {
			return errNotYet
		}
		return nil
	})
}

// forget deletes an address's local route.
func (e edge) forget(prefix string) (undo func()) {
	e.t.Helper()
	found := e.routes(netip.MustParsePrefix(prefix), unix.RT_TABLE_LOCAL)
	if len(found) != 1 {
		e.t.Fatalf("local routes to %s: %v", prefix, found)
	}
	e.must(e.Handle().RouteDel(&found[0]))
	return nil
}

func vipFaults() []fault {
	withdrawn := func(a string) func(edge) bool { return func(e edge) bool { return !e.local(a) } }
	return []fault{
		{
			id: "vip-not-here", name: "IPv4", config: onSegment,
			commit: func(e edge) func() { return e.withdraw(lab.IPv4) },
			told:   []string{"error vip-not-here 192.0.2.1"},
			seen:   withdrawn("192.0.2.1"),
		},
		{
			id: "vip-not-here", name: "IPv6", config: onSegment,
			commit: func(e edge) func() { return e.withdraw(lab.IPv6) },
			told:   []string{"error vip-not-here 2001:db8:ffff::1"},
			seen:   withdrawn("2001:db8:ffff::1"),
		},
		{
			id: "vip-not-here", name: "AnyIP", config: "vips: [192.0.2.0/24]\n", lab: lab.Options{VIPs: lab.VIPAnyIP},
			commit: func(e edge) func() { return e.withdraw(lab.IPv4) },
			told:   []string{"error vip-not-here 192.0.2.0/24"},
			seen:   withdrawn("192.0.2.77"),
		},
		{
			id: "vip-not-here", name: "udp", config: insecureRacks + "vips: [192.0.2.1]\n",
			commit: func(e edge) func() { return e.withdraw(lab.IPv4) },
			told:   []string{"info vip-not-here 192.0.2.1"},
			seen:   withdrawn("192.0.2.1"),
		},
		{
			id: "listens-on-vip", name: "metrics and page",
			commit: func(e edge) func() {
				e.configure(fmt.Sprintf("http: {listen: %q}\n", pageOnVIP))
				daemon := labtest.Start(e.t, e.Node, "run", "--interface", "eth0", "--config", edgeConfig)
				labtest.Eventually(e.t, 10*time.Second, "the page is there", e.reachPage)
				return func() {
					labtest.Stop(e.t, daemon)
					e.configure("")
				}
			},
			told: []string{"warning listens-on-vip http.listen " + pageOnVIP},
			seen: func(e edge) bool { return e.reachPage() == nil },
		},
		{
			id: "listens-on-vip", name: "the udp port", config: insecureRacks,
			commit: func(e edge) func() {
				e.configure(strings.Replace(insecureRacks, "insecure", `listen: "192.0.2.1", insecure`, 1))
				return func() { e.configure(insecureRacks) }
			},
			told: []string{"warning listens-on-vip udp.listen 192.0.2.1"},
		},
	}
}

// pageOnVIP is where the page is that anybody reads.
const pageOnVIP = "192.0.2.1:7691"

// reachPage connects to it as a client of the service does.
func (e edge) reachPage() error {
	c, err := e.lab.Client.Dial(e.t.Context(), "tcp", pageOnVIP)
	if err == nil {
		err = c.Close()
	}
	return err
}

// insecureRacks is a configuration without a key.
const insecureRacks = "relay: {transport: udp}\nudp: {insecure: true}\n"

func (e edge) withdraw(f lab.Family) (undo func()) {
	e.t.Helper()
	labtest.WithdrawVIPs(e.t, e.lab, 0, f)
	return nil
}

func ruleFaults() []fault {
	return []fault{
		{
			id: "ecn-multipath", name: "a rule by a mark of the TOS byte",
			commit: func(e edge) func() {
				e.markByTOS()
				r := netlink.NewRule()
				r.Family, r.Priority, r.Table, r.Mark = netlink.FAMILY_V4, 100, 1000, 1
				e.must(e.Handle().RuleAdd(r))
				return func() { e.must(e.Handle().RuleDel(r)) }
			},
			told: []string{"warning ecn-multipath ip rule 100"},
		},
		{
			id: "ecn-multipath", name: "a rule by ECN bits",
			commit: func(e edge) func() {
				r := netlink.NewRule()
				r.Family, r.Priority, r.Table, r.Tos = netlink.FAMILY_V4, 100, 1000, 1
				err := e.Handle().RuleAdd(r)
				if errors.Is(err, unix.EINVAL) { // since 5.18
					e.t.Skip("this kernel takes no such rule")
				}
				e.must(err)
				return nil
			},
			told: []string{"warning ecn-multipath ip rule 100"},
		},
	}
}
