package check

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/audit/host"
	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/labtest"
)

// defaultBy is a default route out of eth0 by a gateway.
func (s server) defaultBy(gateway string) netlink.Route {
	s.t.Helper()
	a := netip.MustParseAddr(gateway)
	return netlink.Route{
		LinkIndex: s.link("eth0").Attrs().Index,
		Gw:        a.AsSlice(),
		Flags:     int(netlink.FLAG_ONLINK),
		Dst:       ipNet(netip.PrefixFrom(a, 0).Masked()),
		Priority:  1024,
	}
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// hold gives a link an address.
func (s server) hold(link, address string) netlink.Addr {
	s.t.Helper()
	a := netlink.Addr{IPNet: ipNet(prefix(address))}
	if prefix(address).Addr().Is6() {
		a.Flags = unix.IFA_F_NODAD
	}
	s.must(s.Handle().AddrAdd(s.link(link), &a))
	return a
}

// neighbour says what is known of the gateway fe80::1 on eth0.
func (s server) neighbour(state int) {
	s.t.Helper()
	s.must(s.Handle().NeighSet(&netlink.Neigh{
		LinkIndex:    s.link("eth0").Attrs().Index,
		Family:       netlink.FAMILY_V6,
		IP:           netip.MustParseAddr("fe80::1").AsSlice(),
		HardwareAddr: wireMAC[:],
		State:        state,
		Flags:        netlink.NTF_ROUTER,
	}))
}

// fault is a fault of the host's routing, and who finds it.
type fault struct {
	id       string
	expect   Expect
	severity Severity
	subject  string
	// commit makes it and returns what undoes it.
	commit func(server) (undo func())
}

// TestKernelRouting makes each fault with the kernel's own state. The check finds
// it, and does not on the same host before and after.
func TestKernelRouting(t *testing.T) {
	vips := prefixes("192.0.2.1/32", "2001:db8:ffff::1/128")
	for name, c := range map[string]fault{
		"forgotten MTU tag": {
			"route-mtu-tag", Expect{}, Warning, "::/0 table main metric 1024",
			func(s server) func() {
				r := s.defaultBy("fe80::1")
				r.MTU = 1280
				return s.add(r)
			},
		},
		"MTU tag in a table of its own": {
			"route-mtu-tag", Expect{}, Warning, "0.0.0.0/0 table 1000 metric 1024",
			func(s server) func() {
				r := s.defaultBy("198.51.100.1")
				r.MTU, r.Table = 1400, 1000
				return s.add(r)
			},
		},
		"one gateway of two has failed": {
			"nexthop-unreachable", Expect{}, Warning, "via fe80::1 dev eth0",
			func(s server) func() {
				first, second := s.defaultBy("fe80::1"), s.defaultBy("fe80::2")
				second.Priority = 2048
				undo := []func(){s.add(first), s.add(second)}
				s.neighbour(netlink.NUD_FAILED)
				return func() {
					s.neighbour(netlink.NUD_REACHABLE)
					if found := s.examine("nexthop-unreachable"); found[0].Severity != OK {
						s.t.Errorf("with the gateway there: %+v", found)
					}
					undo[0]()
					undo[1]()
				}
			},
		},
		"the only gateway has failed": {
			"nexthop-unreachable", Expect{}, Error, "via fe80::1 dev eth0",
			func(s server) func() {
				undo := s.add(s.defaultBy("fe80::1"))
				s.neighbour(netlink.NUD_FAILED)
				return undo
			},
		},
		"a local route has vanished": {
			"local-route-missing", Expect{}, Error, "2001:db8:ffff::1",
			func(s server) func() {
				r := netlink.Route{
					LinkIndex: s.link("lo").Attrs().Index,
					Dst:       ipNet(prefix("2001:db8:ffff::1/128")),
					Type:      unix.RTN_LOCAL,
					Table:     unix.RT_TABLE_LOCAL,
				}
				s.must(s.Handle().RouteDel(&r))
				return func() { s.must(s.Handle().RouteAdd(&r)) }
			},
		},
		"the first address of a link's prefix": {
			"vip-subnet-router-anycast", Expect{}, Warning, "2001:db8:7::",
			func(s server) func() {
				a := s.hold("eth0", "2001:db8:7::/112")
				return func() { s.must(s.Handle().AddrDel(s.link("eth0"), &a)) }
			},
		},
		"a VIP was withdrawn": {
			"vip-not-here", Expect{Transport: Broadcast, VIPs: vips}, Error, "192.0.2.1",
			func(s server) func() {
				a := &netlink.Addr{IPNet: ipNet(prefix("192.0.2.1/32"))}
				s.must(s.Handle().AddrDel(s.link("lo"), a))
				return func() { s.must(s.Handle().AddrAdd(s.link("lo"), a)) }
			},
		},
		"the udp port on a VIP": {
			"listens-on-vip", Expect{Transport: UDP, UDPPort: 7690}, Warning, "192.0.2.1:7690",
			func(s server) func() {
				c, err := s.ListenPacket(s.t.Context(), "udp4", "192.0.2.1:7690")
				s.must(err)
				return func() { s.must(c.Close()) }
			},
		},
		"many VIPs": {
			"source-selection-cost", Expect{}, Warning, "eth0",
			func(s server) func() {
				address := s.hold("eth0", "2001:db8:1::5/64")
				for i := range manyAddresses {
					s.hold("lo", fmt.Sprintf("2001:db8:ffff::1:%x/128", i))
				}
				return func() {
					s.mend(s.find(Expect{}, "source-selection-cost", Warning, "eth0").Mend)
					if found := s.examine("source-selection-cost"); found[0].Severity != OK {
						s.t.Errorf("mended: %+v", found)
					}
					s.must(s.Handle().AddrDel(s.link("eth0"), &address))
				}
			},
		},
		"IPv6 multipath": {
			"ipv6-multipath-exceptions", Expect{}, Info, "::/0 table main metric 1024",
			func(s server) func() {
				r := s.defaultBy("fe80::1")
				second := s.defaultBy("fe80::2")
				r.MultiPath = []*netlink.NexthopInfo{
					{LinkIndex: r.LinkIndex, Gw: r.Gw}, {LinkIndex: r.LinkIndex, Gw: second.Gw},
				}
				r.Gw, r.LinkIndex, r.Flags = nil, 0, 0
				return s.add(r)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			if f, ok := s.finds(c.expect, c.id, c.severity, c.subject); ok {
				t.Fatalf("before: %+v", f)
			}
			undo := c.commit(s)
			s.find(c.expect, c.id, c.severity, c.subject)
			undo()
			if f, ok := s.finds(c.expect, c.id, c.severity, c.subject); ok {
				t.Errorf("after: %+v", f)
			}
		})
	}
}

// add adds a route and returns what takes it away.
func (s server) add(r netlink.Route) (remove func()) {
	s.t.Helper()
	s.must(s.Handle().RouteAdd(&r))
	return func() { s.must(s.Handle().RouteDel(&r)) }
}

// find has the check say that of that subject, given what is expected.
func (s server) find(e Expect, id string, severity Severity, subject string) Finding {
	s.t.Helper()
	f, ok := s.finds(e, id, severity, subject)
	if !ok {
		s.t.Fatalf("%s says nothing of %q that is %s", id, subject, severity)
	}
	return f
}

func (s server) finds(e Expect, id string, severity Severity, subject string) (Finding, bool) {
	s.t.Helper()
	f := readOn(s.t, s.Node, e, nothing)
	var found []Finding
	s.must(s.Do(func() error { // for sysctls
		found = examine(s.t, id, &f)
		return nil
	}))
	i := slices.IndexFunc(found, func(f Finding) bool { return f.Severity == severity && f.Subject == subject })
	if i < 0 {
		return Finding{}, false
	}
	return found[i], true
}

// TestKernelAdvertisedRouters has more routers than a link needs advertise
// themselves.
func TestKernelAdvertisedRouters(t *testing.T) {
	s := newServer(t)
	for _, name := range []string{"wire0", "eth0", "wire1", "eth1"} {
		s.set("net/ipv6/conf/"+name+"/accept_ra", "1")
	}
	s.find(Expect{}, "nexthop-unexpected", Info, "wire0, eth0, wire1, eth1")
	const first = "via fe80::a1 dev eth0, via fe80::a2 dev eth0, via fe80::a3 dev eth0"
	for router := range manyRouters {
		s.advertise(fmt.Sprintf("fe80::a%d", router+1))
	}
	labtest.Eventually(t, within, "the routers are next hops", func() error {
		if _, ok := s.finds(Expect{}, "nexthop-unexpected", Warning, first); !ok {
			return errors.New("they are not found")
		}
		return nil
	})
	s.find(Expect{}, "nexthop-unexpected", Info, "eth0") // it lives by them now
	s.mend(s.find(Expect{}, "nexthop-unexpected", Info, "wire0, wire1, eth1").Mend)
	if f, ok := s.finds(Expect{}, "nexthop-unexpected", Info, "wire0, wire1, eth1"); ok {
		t.Errorf("mended: %+v", f)
	}
}

// advertise sends a router advertisement (RFC 4861 section 4.2) to all nodes of
// the link.
func (s server) advertise(router string) {
	s.t.Helper()
	ip := layers.IPv6{
		Version: 6, HopLimit: 255, NextHeader: layers.IPProtocolICMPv6,
		SrcIP: netip.MustParseAddr(router).AsSlice(), DstIP: net.IPv6linklocalallnodes,
	}
	icmp := layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeRouterAdvertisement, 0)}
	s.must(icmp.SetNetworkLayerForChecksum(&ip))
	b := gopacket.NewSerializeBuffer()
	s.must(gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		&layers.Ethernet{SrcMAC: wireMAC[:], DstMAC: net.HardwareAddr{0x33, 0x33, 0, 0, 0, 1}, EthernetType: layers.EthernetTypeIPv6},
		&ip, &icmp, &layers.ICMPv6RouterAdvertisement{HopLimit: 64, RouterLifetime: 1800}))
	s.must(s.SendFrame("wire0", b.Bytes()))
}

// TestKernelLockedTag compares what is said of a locked tag with what the kernel
// does: of IPv4 it learns no path MTU as long as the lock is there, of IPv6 it does.
func TestKernelLockedTag(t *testing.T) {
	for _, c := range []struct {
		family      classify.Family
		network     string
		vip, client netip.Addr
		gateway     string
		metric      int
		subject     string
		heeded      bool
	}{
		{classify.IPv4, "udp4", classifytest.VIP4, netip.MustParseAddr("192.0.2.77"), "198.51.100.1", 0, "0.0.0.0/0 table main metric 0", true},
		{classify.IPv6, "udp6", classifytest.VIP6, classifytest.Client6, "fe80::1", 1024, "::/0 table main metric 1024", false},
	} {
		t.Run(c.family.String(), func(t *testing.T) {
			s := newServer(t)
			socket, err := s.ListenPacket(t.Context(), c.network, netip.AddrPortFrom(c.vip, classifytest.VIPPort).String())
			s.must(err)
			defer socket.Close()
			r := s.defaultBy(c.gateway)
			r.Priority, r.MTU, r.MTULock = c.metric, 1500, true
			s.must(s.Handle().RouteReplace(&r))
			ptb := classifytest.PTB{Family: c.family, Protocol: classify.UDP, Client: c.client}
			s.expectHeard(edgeMAC, ptb, true)
			_, learned, err := s.PathMTU(c.vip, c.client)
			s.must(err)
			_, found := s.finds(Expect{}, "route-mtu-tag", Warning, c.subject)
			if learned == c.heeded || found != c.heeded {
				t.Errorf("with the lock a path MTU is learned: %v, the lock is found: %v", learned, found)
			}
			r.MTU, r.MTULock = 0, false
			s.must(s.Handle().RouteReplace(&r))
			s.send(edgeMAC, ptb)
			labtest.Eventually(t, within, "the path MTU is learned", func() error {
				mtu, learned, err := s.PathMTU(c.vip, c.client)
				if err == nil && (!learned || mtu != int(classifytest.MTU)) {
					err = fmt.Errorf("path MTU %d, learned %v", mtu, learned)
				}
				return err
			})
			if f, ok := s.finds(Expect{}, "route-mtu-tag", Warning, c.subject); ok {
				t.Errorf("without the lock: %+v", f)
			}
		})
	}
}

// TestKernelExceptionsFull sends PTBs about ever more clients: a quarter of the room
// for path MTUs is no fault, a half is.
func TestKernelExceptionsFull(t *testing.T) {
	s := newServer(t)
	s.add(s.defaultBy("fe80::1"))
	// Of a gateway that has not said to be a router the kernel forgets all
	// exceptions when there are many (rt6_age_examine_exception in
	// net/ipv6/route.c).
	s.neighbour(netlink.NUD_PERMANENT)
	c, err := s.ListenPacket(t.Context(), "udp6", netip.AddrPortFrom(classifytest.VIP6, classifytest.VIPPort).String())
	s.must(err)
	defer c.Close()
	wire, err := s.Sender("wire0")
	s.must(err)
	defer wire.Close()
	const quarter, half = host.ExceptionLimit6 / 4, host.ExceptionLimit6 / 2

	s.must(wire.Send(aboutClients(0, quarter)))
	labtest.Eventually(t, within, "the kernel takes the PTBs", func() error {
		if n := s.count(counter(classify.IPv6)); n != quarter {
			return fmt.Errorf("%d of %d", n, quarter)
		}
		return nil
	})
	if f, ok := s.finds(Expect{}, "exceptions-full", Warning, "IPv6"); ok {
		t.Errorf("at a quarter: %+v", f)
	}

	// By now the kernel evicts from buckets that are full before others.
	s.must(wire.Send(aboutClients(quarter, half+half/4)))
	labtest.Eventually(t, within, "the check finds it", func() error {
		if _, ok := s.finds(Expect{}, "exceptions-full", Warning, "IPv6"); !ok {
			return fmt.Errorf("it finds %+v", s.examine("exceptions-full"))
		}
		return nil
	})
}

// aboutClients are frames with PTBs about flows to clients of these numbers.
func aboutClients(from, to int) (frames [][]byte) {
	for i := from; i < to; i++ {
		client := netip.MustParseAddr(fmt.Sprintf("2001:db8:c::%x", i+1))
		p := classifytest.PTB{Family: classify.IPv6, Protocol: classify.UDP, Client: client}
		frames = append(frames, slices.Concat(edgeMAC[:], wireMAC[:], []byte{0x86, 0xdd}, p.Bytes()))
	}
	return frames
}
