package host

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// openSockets looks sockets of the node up until the test ends.
func openSockets(t testing.TB, n *lab.Node) (s *Sockets) {
	t.Helper()
	if err := n.Do(func() (err error) {
		s, err = OpenSockets()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// ask asks a socket itself, by getsockopt.
func ask[T any](t testing.TB, c any, option func(fd int) (T, error)) (value T) {
	t.Helper()
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var inner error
	if err := errors.Join(raw.Control(func(fd uintptr) { value, inner = option(int(fd)) }), inner); err != nil {
		t.Fatal(err)
	}
	return value
}

func cookie(t testing.TB, c any) uint64 {
	t.Helper()
	return ask(t, c, func(fd int) (uint64, error) { return unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_COOKIE) })
}

func tcpPathMTU(t testing.TB, c any) uint32 {
	t.Helper()
	return ask(t, c, func(fd int) (uint32, error) {
		info, err := unix.GetsockoptTCPInfo(fd, unix.SOL_TCP, unix.TCP_INFO)
		if err != nil {
			return 0, err
		}
		return info.Pmtu, nil
	})
}

func socketMTU(t testing.TB, c any, f lab.Family) int {
	t.Helper()
	return ask(t, c, func(fd int) (int, error) {
		if f == lab.IPv4 {
			return unix.GetsockoptInt(fd, unix.SOL_IP, unix.IP_MTU)
		}
		return unix.GetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_MTU)
	})
}

// closeAtEnd closes a socket when the test ends, if it has not been.
func closeAtEnd(t testing.TB, c interface{ Close() error }) {
	t.Cleanup(func() {
		if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

func listen(t testing.TB, n *lab.Node, network, address string) net.Listener {
	t.Helper()
	l, err := n.Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, l)
	return l
}

// dialFrom connects from an address of the node, without anything but the
// socket.
func dialFrom(t testing.TB, n *lab.Node, network string, local, remote netip.AddrPort) (c net.Conn) {
	t.Helper()
	d := net.Dialer{KeepAlive: -1, LocalAddr: net.UDPAddrFromAddrPort(local)}
	if network == "tcp" {
		d.LocalAddr = net.TCPAddrFromAddrPort(local)
	}
	if err := n.Do(func() (err error) {
		c, err = d.DialContext(t.Context(), network, remote.String())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, c)
	return c
}

// connect makes a TCP connection and returns the server's end.
func connect(t testing.TB, client, server *lab.Node, vip, from netip.AddrPort) net.Conn {
	t.Helper()
	l := listen(t, server, "tcp", vip.String())
	dialFrom(t, client, "tcp", from, vip)
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, c)
	return c
}

func connectUDP(t testing.TB, server *lab.Node, vip, client netip.AddrPort) net.Conn {
	t.Helper()
	return dialFrom(t, server, "udp", vip, client)
}

// served is a node that is its own client, by either family.
func served(t testing.TB) (*lab.Node, *Sockets, [2]flow) {
	t.Helper()
	n := labtest.Node(t, "host")
	k := kernel{n.Handle(), t}
	k.addAddress("lo", "192.0.2.1/32", "203.0.113.1/32", "2001:db8:ffff::1/128", "2001:db8:c::1/128")
	awaitLocal(t, openQuery(t, n), "192.0.2.1", "203.0.113.1", "2001:db8:ffff::1", "2001:db8:c::1")
	return n, openSockets(t, n), [2]flow{
		{netip.MustParseAddrPort("192.0.2.1:443"), netip.MustParseAddrPort("203.0.113.1:50000")},
		{netip.MustParseAddrPort("[2001:db8:ffff::1]:443"), netip.MustParseAddrPort("[2001:db8:c::1]:50000")},
	}
}

type flow struct{ vip, client netip.AddrPort }

func (f flow) String() string { return f.vip.String() + " > " + f.client.String() }

// find fails the test unless the answer is the wanted one.
func find(t *testing.T, s *Sockets, what string, protocol uint8, f flow, want Socket, found bool) {
	t.Helper()
	got, ok, err := s.Find(protocol, f.vip, f.client)
	if err != nil || ok != found || got != want {
		t.Errorf("%s, %v: %+v, %v, %v, want %+v, %v", what, f, got, ok, err, want, found)
	}
}

// The listeners that a service may have serve one family or both; a connection
// is found by its flow and nothing else.
func TestFindTCP(t *testing.T) {
	for _, c := range []struct {
		network string
		serves  [2]bool // IPv4, IPv6
	}{
		{"tcp4", [2]bool{true, false}},
		{"tcp6", [2]bool{false, true}},
		{"tcp", [2]bool{true, true}}, // one socket of IPv6 for both
	} {
		t.Run(c.network, func(t *testing.T) {
			n, s, flows := served(t)
			const tcp = unix.IPPROTO_TCP
			for _, f := range flows {
				find(t, s, "nobody listens", tcp, f, Socket{}, false)
			}
			l := listen(t, n, c.network, ":443")
			listening := Socket{Listening: true, Cookie: cookie(t, l)}
			for i, f := range flows {
				if !c.serves[i] {
					find(t, s, "other family listens", tcp, f, Socket{}, false)
					continue
				}
				find(t, s, "listening", tcp, f, listening, true)
				client := dialFrom(t, n, "tcp", f.client, f.vip)
				accepted, err := l.Accept()
				if err != nil {
					t.Fatal(err)
				}
				closeAtEnd(t, accepted)
				connection := Socket{Connected: true, PathMTU: tcpPathMTU(t, accepted), Cookie: cookie(t, accepted)}
				if connection.PathMTU < 1280 {
					t.Errorf("path MTU %d", connection.PathMTU)
				}
				find(t, s, "connected", tcp, f, connection, true)
				reverse := Socket{Connected: true, PathMTU: tcpPathMTU(t, client), Cookie: cookie(t, client)}
				find(t, s, "connected, the client's end", tcp, flow{f.client, f.vip}, reverse, true)

				otherPort := netip.AddrPortFrom(f.client.Addr(), f.client.Port()+1)
				find(t, s, "other client", tcp, flow{f.vip, otherPort}, listening, true)
				otherService := netip.AddrPortFrom(f.vip.Addr(), f.vip.Port()+1)
				find(t, s, "other service", tcp, flow{otherService, f.client}, Socket{}, false)
				find(t, s, "other protocol", unix.IPPROTO_UDP, f, Socket{}, false)

				if err := errors.Join(accepted.Close(), client.Close()); err != nil {
					t.Fatal(err)
				}
				find(t, s, "closed", tcp, f, Socket{Connected: true, Cookie: connection.Cookie}, true) // TIME_WAIT
			}
		})
	}
}

// A listener on one VIP is not that of another; a connection of a listener that
// is gone is still its own.
func TestFindTCPOfOneVIP(t *testing.T) {
	n, s, flows := served(t)
	for _, f := range flows {
		l := listen(t, n, "tcp", f.vip.String())
		find(t, s, "one VIP", unix.IPPROTO_TCP, f, Socket{Listening: true, Cookie: cookie(t, l)}, true)
		other := netip.AddrPortFrom(f.client.Addr(), f.vip.Port()) // local too
		find(t, s, "another VIP", unix.IPPROTO_TCP, flow{other, f.client}, Socket{}, false)

		dialFrom(t, n, "tcp", f.client, f.vip)
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		closeAtEnd(t, accepted)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		want := Socket{Connected: true, PathMTU: tcpPathMTU(t, accepted), Cookie: cookie(t, accepted)}
		find(t, s, "listener gone", unix.IPPROTO_TCP, f, want, true)
	}
}

// A connection that is not made yet is its flow's own already.
func TestFindTCPHandshake(t *testing.T) {
	n, s, flows := served(t)
	f := flows[0]
	f.client = netip.MustParseAddrPort("203.0.113.2:50000") // nobody answers there
	k := kernel{n.Handle(), t}
	k.addVeth("eth0", "far0", 1500, "02:00:5e:10:00:01")
	k.setUp("eth0", "far0")
	k.must(k.RouteAdd(k.route(unix.RTN_UNICAST, "203.0.113.2/32", "eth0", unix.RT_TABLE_MAIN)))
	l := listen(t, n, "tcp4", f.vip.String())
	find(t, s, "before", unix.IPPROTO_TCP, f, Socket{Listening: true, Cookie: cookie(t, l)}, true)

	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: f.client.Addr().AsSlice(), DstIP: f.vip.Addr().AsSlice()}
	syn := &layers.TCP{SrcPort: layers.TCPPort(f.client.Port()), DstPort: layers.TCPPort(f.vip.Port()), SYN: true, Window: 65535}
	k.must(syn.SetNetworkLayerForChecksum(ip))
	packet := gopacket.NewSerializeBuffer()
	k.must(gopacket.SerializeLayers(packet, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ip, syn))
	k.must(n.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Sendto(fd, packet.Bytes(), 0, &unix.SockaddrInet4{Addr: f.vip.Addr().As4()})
	}))
	labtest.Eventually(t, within, "the handshake has begun", func() error {
		got, ok, err := s.Find(unix.IPPROTO_TCP, f.vip, f.client)
		if err != nil || !ok || got.Listening {
			return errors.Join(errors.New("it has not"), err)
		}
		if !got.Connected || got.PathMTU != 0 {
			t.Fatalf("%+v", got)
		}
		return nil
	})
}

func TestFindUDP(t *testing.T) {
	const udp = unix.IPPROTO_UDP
	for _, c := range []struct {
		network string
		serves  [2]bool // IPv4, IPv6
	}{
		{"udp4", [2]bool{true, false}},
		{"udp6", [2]bool{false, true}},
		{"udp", [2]bool{true, true}},
	} {
		t.Run(c.network, func(t *testing.T) {
			n, s, flows := served(t)
			for _, f := range flows {
				find(t, s, "no socket", udp, f, Socket{}, false)
			}
			l, err := n.ListenPacket(t.Context(), c.network, ":443")
			if err != nil {
				t.Fatal(err)
			}
			closeAtEnd(t, l)
			for i, f := range flows {
				if c.serves[i] {
					find(t, s, "bound to all", udp, f, Socket{Cookie: cookie(t, l)}, true)
				} else {
					find(t, s, "other family is bound", udp, f, Socket{}, false)
				}
			}
		})
	}
	t.Run("nearest", func(t *testing.T) {
		n, s, flows := served(t)
		for _, f := range flows {
			bound, err := n.ListenPacket(t.Context(), "udp", f.vip.String())
			if err != nil {
				t.Fatal(err)
			}
			closeAtEnd(t, bound)
			find(t, s, "bound", udp, f, Socket{Cookie: cookie(t, bound)}, true)
			client := dialFrom(t, n, "udp", f.client, f.vip)
			find(t, s, "connected, the client's end", udp, flow{f.client, f.vip}, Socket{Connected: true, Cookie: cookie(t, client)}, true)
			find(t, s, "another's end", udp, flow{f.client, netip.AddrPortFrom(f.vip.Addr(), 444)}, Socket{}, false)
			find(t, s, "still not connected", udp, f, Socket{Cookie: cookie(t, bound)}, true)
		}
	})
}

// A socket that takes packets of one interface only would not get what comes in
// on lo, and is not found.
func TestFindPassesOverSocketsOfAnInterface(t *testing.T) {
	n, s, flows := served(t)
	k := kernel{n.Handle(), t}
	k.addVeth("eth0", "far0", 1500, "02:00:5e:10:00:01")
	for _, f := range flows {
		l := listen(t, n, "tcp", f.vip.String())
		u, err := n.ListenPacket(t.Context(), "udp", f.vip.String())
		if err != nil {
			t.Fatal(err)
		}
		closeAtEnd(t, u)
		find(t, s, "any interface", unix.IPPROTO_TCP, f, Socket{Listening: true, Cookie: cookie(t, l)}, true)
		find(t, s, "any interface", unix.IPPROTO_UDP, f, Socket{Cookie: cookie(t, u)}, true)
		for _, c := range []any{l, u} {
			ask(t, c, func(fd int) (struct{}, error) { return struct{}{}, unix.BindToDevice(fd, "eth0") })
		}
		find(t, s, "eth0", unix.IPPROTO_TCP, f, Socket{}, false)
		find(t, s, "eth0", unix.IPPROTO_UDP, f, Socket{}, false)
	}
}

// Many sockets at once: each flow has its own.
func TestFindAmongMany(t *testing.T) {
	n, s, flows := served(t)
	for _, f := range flows {
		l := listen(t, n, "tcp", f.vip.String())
		cookies := make(map[netip.AddrPort]uint64)
		for i := range 100 {
			dialFrom(t, n, "tcp", netip.AddrPortFrom(f.client.Addr(), uint16(50000+i)), f.vip)
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			closeAtEnd(t, c)
			cookies[c.RemoteAddr().(*net.TCPAddr).AddrPort()] = cookie(t, c)
		}
		for client, want := range cookies {
			if got, ok, err := s.Find(unix.IPPROTO_TCP, f.vip, client); err != nil || !ok || got.Cookie != want {
				t.Errorf("%v: %+v, %v, %v, want cookie %d", client, got, ok, err, want)
			}
		}
	}
}

func TestFindUnsupported(t *testing.T) {
	n, s, flows := served(t)
	f := flows[0]
	listen(t, n, "tcp4", f.vip.String())
	for _, protocol := range []uint8{0, unix.IPPROTO_ICMP, unix.IPPROTO_SCTP, unix.IPPROTO_DCCP, 255} {
		if _, ok, err := s.Find(protocol, f.vip, f.client); ok || !errors.Is(err, ErrUnsupported) {
			t.Errorf("protocol %d: %v, %v", protocol, ok, err)
		}
	}
	s.tcp, s.udp = false, false // as where the kernel lacks the modules
	for _, protocol := range []uint8{unix.IPPROTO_TCP, unix.IPPROTO_UDP} {
		if _, ok, err := s.Find(protocol, f.vip, f.client); ok || !errors.Is(err, ErrUnsupported) {
			t.Errorf("protocol %d without its module: %v, %v", protocol, ok, err)
		}
	}
}

func TestFindRefuses(t *testing.T) {
	n, s, flows := served(t)
	listen(t, n, "tcp", ":443")
	for name, f := range map[string]flow{
		"nothing":         {},
		"no client":       {vip: flows[0].vip},
		"no VIP":          {client: flows[0].client},
		"two families":    {flows[0].vip, flows[1].client},
		"two families, 6": {flows[1].vip, flows[0].client},
		"IPv4 in IPv6":    {netip.MustParseAddrPort("[::ffff:192.0.2.1]:443"), netip.MustParseAddrPort("[::ffff:203.0.113.1]:50000")},
		"zone":            {netip.MustParseAddrPort("[fe80::1%lo]:443"), netip.MustParseAddrPort("[fe80::2%lo]:50000")},
	} {
		for _, protocol := range []uint8{unix.IPPROTO_TCP, unix.IPPROTO_UDP} {
			if got, ok, err := s.Find(protocol, f.vip, f.client); ok || err == nil || errors.Is(err, ErrUnsupported) || got != (Socket{}) {
				t.Errorf("%s: %+v, %v, %v", name, got, ok, err)
			}
		}
	}
}

// answers is a connection that answers every dump the same.
type answers struct{ err error }

func (a answers) Execute(netlink.Message) ([]netlink.Message, error) { return nil, a.err }

func TestAnswersFor(t *testing.T) {
	s := openSockets(t, labtest.Node(t, "host"))
	if !s.tcp || !s.udp {
		t.Errorf("TCP %v, UDP %v: this kernel can answer for neither or one only", s.tcp, s.udp)
	}
	if ok, err := answersFor(s.exchange.conn, 255); ok || err != nil {
		t.Errorf("protocol 255: %v, %v", ok, err)
	}
	if ok, err := answersFor(answers{unix.EPERM}, unix.IPPROTO_TCP); ok || !errors.Is(err, unix.EPERM) {
		t.Errorf("failure: %v, %v", ok, err)
	}
}

func BenchmarkFind(b *testing.B) {
	n, s, flows := served(b)
	l := listen(b, n, "tcp", ":443")
	u, err := n.ListenPacket(context.Background(), "udp", ":443")
	if err != nil {
		b.Fatal(err)
	}
	closeAtEnd(b, u)
	for _, f := range flows {
		dialFrom(b, n, "tcp", f.client, f.vip)
		c, err := l.Accept()
		if err != nil {
			b.Fatal(err)
		}
		closeAtEnd(b, c)
	}
	for i, family := range []string{"4", "6"} {
		f := flows[i]
		other := flow{f.vip, netip.AddrPortFrom(f.client.Addr(), 50001)}
		nobody := flow{netip.AddrPortFrom(f.vip.Addr(), 444), f.client}
		for _, c := range []struct {
			name     string
			protocol uint8
			flow     flow
			found    bool
		}{
			{"tcp-connected", unix.IPPROTO_TCP, f, true},
			{"tcp-listening", unix.IPPROTO_TCP, other, true},
			{"tcp-none", unix.IPPROTO_TCP, nobody, false},
			{"udp-bound", unix.IPPROTO_UDP, f, true},
			{"udp-none", unix.IPPROTO_UDP, nobody, false},
		} {
			b.Run(c.name+family, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, ok, err := s.Find(c.protocol, c.flow.vip, c.flow.client); err != nil || ok != c.found {
						b.Fatal(ok, err)
					}
				}
			})
		}
	}
}

// Look-ups and queries of what there is and of what there is not leave nothing
// for the collector.
func TestQueriesDoNotAllocate(t *testing.T) {
	n, s, flows := served(t)
	q := openQuery(t, n)
	listen(t, n, "tcp", ":443")
	for _, f := range flows {
		for what, run := range map[string]func(){
			"route": func() { _, _ = q.Route(RouteRequest{Destination: f.vip.Addr(), Source: f.client.Addr()}) },
			"found": func() { _, _, _ = s.Find(unix.IPPROTO_TCP, f.vip, f.client) },
			"none":  func() { _, _, _ = s.Find(unix.IPPROTO_UDP, f.vip, f.client) },
		} {
			run()
			if allocations := testing.AllocsPerRun(100, run); allocations != 0 && !labtest.RaceEnabled {
				t.Errorf("%s of %v: %v allocations", what, f, allocations)
			}
		}
	}
}
