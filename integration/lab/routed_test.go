//go:build linux

package lab_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

const testPort = 7000

// In a routed fabric one server reaches another by the router only, and each
// behind its own interface of the router.
func TestServersMeetByTheRouter(t *testing.T) {
	l := labtest.New(t, lab.Options{Shape: lab.ShapeRouted, Clients: 1})
	if l.Switch != nil {
		t.Error("there is a switch")
	}
	for i, server := range l.Servers {
		tap := labtest.TapWith(t, server, "eth0", lab.TapOptions{UDPPorts: []uint16{testPort}})
		from := (i + 1) % len(l.Servers)
		router := labtest.MAC(t, l.Router, server.Name())
		for _, f := range lab.Families() {
			send(t, l.Servers[from], l.ServerAddr(f, from), l.ServerAddr(f, i))
		}
		frames, err := tap.WaitN(t.Context(), len(lab.Families()))
		if err != nil {
			t.Fatal(err)
		}
		for _, frame := range frames {
			ttl := frame.Data[14+8]
			if frame.Data[12] == 0x86 {
				ttl = frame.Data[14+7]
			}
			if source := [6]byte(frame.Data[6:12]); source != router || ttl != 63 {
				t.Errorf("%s: from %x with TTL %d, want %x, the router, and 63", server.Name(), source, ttl, router)
			}
		}
	}
}

// The router of a routed fabric takes from a link what it would send there,
// VIPs included, and nothing else.
func TestRoutedFabricFiltersReversePath(t *testing.T) {
	l := labtest.New(t, lab.Options{Shape: lab.ShapeRouted, Clients: 1})
	tap := labtest.TapWith(t, l.Client, "eth0", lab.TapOptions{UDPPorts: []uint16{testPort}})
	server, foreign := l.Servers[0], l.ServerAddr(lab.IPv4, 1)
	labtest.HoldAddresses(t, server, foreign)
	send(t, server, foreign, l.ClientAddr(lab.IPv4, 0))
	labtest.Eventually(t, 5*time.Second, "the router drops the other server's source", func() error {
		counters, err := l.Router.Counters()
		if err == nil && counters["TcpExtIPReversePathFilter"] != 1 {
			err = fmt.Errorf("it dropped %d", counters["TcpExtIPReversePathFilter"])
		}
		return err
	})
	send(t, server, l.VIP(lab.IPv4), l.ClientAddr(lab.IPv4, 0))
	frames, err := tap.WaitN(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if source := netip.AddrFrom4([4]byte(frames[0].Data[14+12:])); len(frames) != 1 || source != l.VIP(lab.IPv4) {
		t.Errorf("%d packets reach the client, the first from %v", len(frames), source)
	}
}

// The servers' filter is the shape's unless it is asked for.
func TestServersFilterReversePath(t *testing.T) {
	for _, c := range []struct {
		shape       lab.Shape
		asked, want int
	}{
		{lab.ShapeSegment, 0, 0},
		{lab.ShapeSegment, 1, 1},
		{lab.ShapeRouted, 0, 1},
		{lab.ShapeRouted, 2, 2},
	} {
		l := labtest.New(t, lab.Options{Shape: c.shape, RPFilter: c.asked, Clients: 1, Servers: 1})
		got, err := l.Servers[0].Sysctl("net/ipv4/conf/all/rp_filter")
		if err != nil || got != fmt.Sprint(c.want) {
			t.Errorf("%v, asked for %d: %s, want %d (%v)", c.shape, c.asked, got, c.want, err)
		}
	}
}

// send sends one datagram from a node.
func send(t *testing.T, n *lab.Node, from, to netip.Addr) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	c, err := n.ListenPacket(ctx, "udp", netip.AddrPortFrom(from, testPort).String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.WriteTo([]byte{0}, net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, testPort))); err != nil {
		t.Fatal(err)
	}
}
