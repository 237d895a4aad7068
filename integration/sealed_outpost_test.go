package integration

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// outpost is a server whose kernel believes every PTB that reaches it: it serves
// UDP on the VIPs, and so any client's path MTU is learned from one. A peer, which
// is a server beside it, sends it copies; a stranger may send it datagrams.
type outpost struct {
	t              *testing.T
	lab            *lab.Lab
	server         *lab.Node
	peer, stranger net.Conn // to the daemon's port
	wire, inside   *lab.Tap // on eth0, all frames; on lo, PTBs
	began          time.Time
	relays         []*lab.Process // the outpost's, the peer's
	believed       map[lab.Family]int
}

// servedUDP is the port that the outpost serves.
const servedUDP = 53

// newOutpost returns when the two daemons hear each other.
func newOutpost(t *testing.T) *outpost {
	t.Helper()
	l := labtest.New(t, lab.Options{Shape: lab.ShapeRouted, Servers: 2, Clients: 1, PathMTU: 1500})
	o := &outpost{t: t, lab: l, server: l.Servers[0], believed: make(map[lab.Family]int)}
	o.wire = labtest.TapWith(t, o.server, "eth0", lab.TapOptions{All: true})
	o.inside = labtest.Tap(t, o.server, "lo")
	for _, f := range lab.Families() {
		c, err := o.server.ListenPacket(t.Context(), "udp", netip.AddrPortFrom(l.VIP(f), servedUDP).String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	o.began = time.Now()
	o.relays = labtest.UDPRelays(t, l, lab.IPv4)
	o.peer, o.stranger = o.dial(l.Servers[1]), o.dial(l.Client)
	return o
}

// dial opens a socket toward the outpost's daemon.
func (o *outpost) dial(from *lab.Node) net.Conn {
	o.t.Helper()
	c, err := from.Dial(o.t.Context(), "udp", netip.AddrPortFrom(o.lab.ServerAddr(lab.IPv4, 0), udpPort).String())
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { _ = c.Close() })
	return c
}

// ptb is one that the outpost's kernel believes, about client number n of a family.
func (o *outpost) ptb(f lab.Family, n int) []byte {
	p := classifytest.PTB{Family: classify.IPv4, Protocol: classify.UDP, VIPPort: servedUDP, Client: classifytest.Client4}
	if f == lab.IPv6 {
		p.Family, p.Client = classify.IPv6, classifytest.Client6
	}
	for range n {
		p.Client = p.Client.Next()
	}
	return p.Bytes()
}

// believes sends a PTB of each family, about client number n, to the peer, and
// waits until the outpost's kernel has learned from its copies.
func (o *outpost) believes(n int) {
	o.t.Helper()
	for _, f := range lab.Families() {
		labtest.FromRouter(o.t, o.lab, 1, o.ptb(f, n))
		o.believed[f]++
		labtest.Eventually(o.t, 5*time.Second, "the outpost learns a path MTU from a copy", func() error {
			if n, err := o.server.Exceptions(f); n != o.believed[f] || err != nil {
				return fmt.Errorf("%v: %d exceptions, want %d (%w)", f, n, o.believed[f], err)
			}
			return nil
		})
	}
}

// checkNothingInjected fails the test unless what believes sent is all that has
// reached the outpost's kernel.
func (o *outpost) checkNothingInjected() {
	o.t.Helper()
	injections := 0
	for _, p := range lab.PTBs(labtest.Fence(o.t, o.server, "lo", o.inside)) {
		if p.Frame.Type == lab.PacketOutgoing {
			injections++
		}
	}
	m, want := metricsOf(o.t, o.server), 0
	for _, f := range lab.Families() {
		want += o.believed[f]
		if n, err := o.server.Exceptions(f); n != o.believed[f] || err != nil {
			o.t.Errorf("%v: %d path MTU exceptions, want %d (%v)", f, n, o.believed[f], err)
		}
	}
	if delivered := sum(m, "ptbrelay_deliveries_total"); injections != want || delivered != float64(want) {
		o.t.Errorf("%d PTBs on lo, %v deliveries, want %d of each", injections, delivered, want)
	}
}
