package rules

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// syns are the logged packets by the client's port, all SYNs.
func (l *logged) syns(t *testing.T) map[uint16][]byte {
	t.Helper()
	found := make(map[uint16][]byte)
	for _, packet := range l.all() {
		s, ok := classify.DecodeSYN(packet)
		if !ok || found[s.ClientPort] != nil {
			t.Fatalf("logged, and not a SYN or not the first of port %d: %x", s.ClientPort, packet)
		}
		found[s.ClientPort] = packet
	}
	return found
}

// segment is a TCP segment on the wire to a host, and whether it is logged.
type segment struct {
	name   string
	syn    classifytest.SYN
	toAll  bool // in a broadcast frame
	logged bool
}

func segments(f classify.Family, neighbour netip.Addr) []segment {
	flags := func(b uint8) classifytest.SYN { return classifytest.SYN{Flags: &b} }
	all := []segment{
		{"as Linux sends it", classifytest.SYN{}, false, true},
		{"that asks for ECN", flags(0xc2), false, true},
		{"with PSH and URG", flags(0x2a), false, true},
		{"without options", classifytest.SYN{NoOptions: true}, false, true},
		{"with a payload", classifytest.SYN{Payload: make([]byte, 1000)}, false, true},
		{"SYN-ACK", flags(0x12), false, false},
		{"SYN-ACK that agrees to ECN", flags(0x52), false, false},
		{"SYN-FIN", flags(0x03), false, false},
		{"SYN-RST", flags(0x06), false, false},
		{"all flags", flags(0xff), false, false},
		{"no flag", flags(0), false, false},
		{"ACK", flags(0x10), false, false},
		{"UDP with that byte", classifytest.SYN{Upper: classify.UDP}, false, false},
		{"to another host", classifytest.SYN{Server: neighbour}, false, false},
		{"in a broadcast frame", classifytest.SYN{}, true, false},
	}
	if f == classify.IPv6 {
		all = append(all, segment{"behind a hop-by-hop header",
			classifytest.SYN{Extensions: []classifytest.Extension{classifytest.HopByHop()}}, false, true})
	} else {
		all = append(all, segment{"behind IP options", classifytest.SYN{Options: []byte{0x94, 4, 0, 0}}, false, true})
	}
	return append(all, segment{"the last one", classifytest.SYN{}, false, true})
}

// frames are the segments with client ports from 20000 on, in frames from the
// router to server 0.
func frames(t *testing.T, l *lab.Lab, f classify.Family, all []segment) (frames [][]byte) {
	t.Helper()
	for i, s := range all {
		s.syn.Family, s.syn.ClientPort = f, uint16(20000+i)
		frame := labtest.FrameTo(t, l, 0, s.syn.Bytes())
		if s.toAll {
			copy(frame, labtest.Broadcast[:])
		}
		frames = append(frames, frame)
	}
	return frames
}

// Only SYNs that open a connection to this host are logged, of them nothing but
// the headers, beside PTBs, which go to their own group.
func TestSYNs(t *testing.T) {
	for name, vips := range map[string][]netip.Prefix{"local": nil, "vips": prefixes("192.0.2.0/24", "2001:db8:ffff::/64")} {
		t.Run(name, func(t *testing.T) {
			l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
			c := Config{Group: 33, Guard: 100000, VIPs: vips, MSS: true}
			install(t, l.Servers[0], c)
			sender := labtest.Sender(t, l.Router, l.RouterInterface(0))
			syns, ptbs := hear(t, l.Servers[0], 34), hear(t, l.Servers[0], 33)
			before := 0
			for f, neighbour := range map[classify.Family]netip.Addr{
				classify.IPv4: l.ServerAddr(lab.IPv4, 1), classify.IPv6: l.ServerAddr(lab.IPv6, 1),
			} {
				all := segments(f, neighbour)
				want := before
				for _, s := range all {
					if s.logged {
						want++
					}
				}
				ptb := labtest.FrameTo(t, l, 0, classifytest.PTB{Family: f}.Bytes())
				if err := sender.Send(append([][]byte{ptb}, frames(t, l, f, all)...)); err != nil {
					t.Fatal(err)
				}
				syns.await(t, want) // the last one is among them
				got := &logged{packets: syns.all()[before:]}
				checkSegments(t, f, all, got.syns(t))
				before = want
			}
			ptbs.await(t, 2)
			if got := ptbs.all(); len(got) != 2 {
				t.Errorf("%d packets in the group of PTBs", len(got))
			}
		})
	}
}

func checkSegments(t *testing.T, f classify.Family, all []segment, got map[uint16][]byte) {
	t.Helper()
	for i, s := range all {
		port := uint16(20000 + i)
		packet, ok := got[port]
		if ok != s.logged {
			t.Errorf("%v %s: logged %v, want %v", f, s.name, ok, s.logged)
		}
		s.syn.Family, s.syn.ClientPort = f, port
		if whole := s.syn.Bytes(); ok && !bytes.Equal(packet, whole[:min(len(whole), synSnap)]) {
			t.Errorf("%v %s: %d bytes logged of %d:\n%x\n%x", f, s.name, len(packet), len(whole), packet, whole)
		}
	}
}

// With vips a SYN to another address of this host is not logged.
func TestSYNsToVIPsOnly(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	install(t, l.Servers[0], Config{Group: 33, Guard: 100000, VIPs: prefixes("192.0.2.1/32"), MSS: true})
	sender := labtest.Sender(t, l.Router, l.RouterInterface(0))
	syns := hear(t, l.Servers[0], 34)
	four := []segment{
		{syn: classifytest.SYN{Server: l.ServerAddr(lab.IPv4, 0)}},
		{syn: classifytest.SYN{}, logged: true},
	}
	if err := sender.Send(append(frames(t, l, classify.IPv6, segments(classify.IPv6, l.ServerAddr(lab.IPv6, 1))),
		frames(t, l, classify.IPv4, four)...)); err != nil {
		t.Fatal(err)
	}
	syns.await(t, 1)
	checkSegments(t, classify.IPv4, four, syns.syns(t))
}

// Of real connections the one that a client opened to this host is logged, once:
// neither what this host opened, to others or to itself, nor what it forwards.
func TestSYNsOfConnections(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	server := l.Servers[0]
	groups := make(map[*lab.Node]*logged)
	for _, n := range []*lab.Node{server, l.Servers[1], l.Router} {
		install(t, n, Config{Group: 33, Guard: 100000, MSS: true})
		groups[n] = hear(t, n, 34)
	}
	var want []string
	for _, f := range lab.Families() {
		client, vip := l.ClientAddr(f, 0), l.VIP(f)
		serve(t, l.Client, client)
		for _, s := range l.Servers {
			serve(t, s, vip)
		}
		connect(t, server, client) // its SYN-ACK comes in
		connect(t, server, vip)    // by loopback
		from := connect(t, l.Client, vip)
		want = append(want, fmt.Sprint(from, vip, true, false, true))
		connect(t, l.Router, client) // the router's own
		serve(t, l.Router, l.RouterAddr(f, 0))
		connect(t, l.Client, l.RouterAddr(f, 0)) // to the router itself, the last
	}
	groups[l.Router].await(t, 2)
	for _, packet := range groups[l.Router].all() {
		if s, ok := classify.DecodeSYN(packet); !ok || s.Server != l.RouterAddr(lab.IPv4, 0) && s.Server != l.RouterAddr(lab.IPv6, 0) {
			t.Errorf("the router logged %+v", s)
		}
	}
	labtest.Eventually(t, 5*time.Second, "the servers log a SYN a family", func() error {
		if n := len(groups[server].all()) + len(groups[l.Servers[1]].all()); n < 2 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	var opened []string
	for _, s := range l.Servers {
		for _, packet := range groups[s].all() {
			s, ok := classify.DecodeSYN(packet)
			opened = append(opened, fmt.Sprint(s.Client, s.Server, s.HasMSS, s.Cut, ok))
		}
	}
	slices.Sort(opened)
	slices.Sort(want)
	if !slices.Equal(opened, want) {
		t.Errorf("the servers logged %v, want %v", opened, want)
	}
}

// serve takes connections to port 443 of an address until the test ends.
func serve(t *testing.T, n *lab.Node, a netip.Addr) {
	t.Helper()
	listener, err := n.Listen(t.Context(), "tcp", netip.AddrPortFrom(a, 443).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
}

// connect opens a connection to port 443 of an address and returns from which.
func connect(t *testing.T, n *lab.Node, a netip.Addr) (from netip.Addr) {
	t.Helper()
	conn, err := n.Dial(t.Context(), "tcp", netip.AddrPortFrom(a, 443).String())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	return netip.MustParseAddrPort(conn.LocalAddr().String()).Addr()
}

// The sample is spent on nothing but SYNs that are for us, and never exceeds its
// rate.
func TestSYNRate(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	install(t, l.Servers[0], Config{Group: 33, Guard: 100000, MSS: true})
	sender := labtest.Sender(t, l.Router, l.RouterInterface(0))
	syns := hear(t, l.Servers[0], 34)
	var others, ours []segment
	for range synBurst {
		ours = append(ours, segment{logged: true})
		for _, s := range segments(classify.IPv4, l.ServerAddr(lab.IPv4, 1)) {
			if !s.logged {
				others = append(others, s)
			}
		}
	}
	start := time.Now()
	if err := sender.Send(append(frames(t, l, classify.IPv4, others), frames(t, l, classify.IPv4, ours)...)); err != nil {
		t.Fatal(err)
	}
	syns.await(t, synBurst)
	checkSegments(t, classify.IPv4, ours, syns.syns(t))

	tap := labtest.Tap(t, l.Servers[0], "eth0")
	frame := labtest.FrameTo(t, l, 0, classifytest.SYN{}.Bytes())
	if _, err := sender.Stream(t.Context(), lab.Stream{Count: 20000, Fill: func(int, []byte) []byte { return frame }}); err != nil {
		t.Fatal(err)
	}
	labtest.Fence(t, l.Router, l.RouterInterface(0), tap)
	labtest.Quiet(t, 100*time.Millisecond, "no more than the rate is logged", func() error {
		n, most := len(syns.all()), synBurst+int(synRate*time.Since(start).Seconds())+1
		if n > most {
			return fmt.Errorf("%d in %v", n, time.Since(start))
		}
		return nil
	})
}
