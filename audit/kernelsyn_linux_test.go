package audit

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/classify"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// clientMTU is the MTU of the link that the client sits behind, in bytes.
const clientMTU = 1380

// client is a node with eth0, whose MTU is clientMTU and whose other end nobody
// answers on. It returns eth0's Ethernet address.
func client(t *testing.T, n *lab.Node, addresses map[netip.Prefix]netip.Addr) mac {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	far := net.HardwareAddr{0x02, 0, 0, 0, 0, 0x99}
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0", MTU: clientMTU}, PeerName: "wire", PeerHardwareAddr: far}
	must(n.Handle().LinkAdd(veth))
	near, err := n.Handle().LinkByName("eth0")
	must(err)
	wire, err := n.Handle().LinkByName("wire")
	must(err)
	must(n.Handle().LinkSetUp(near))
	must(n.Handle().LinkSetUp(wire))
	for own, server := range addresses {
		must(n.Handle().AddrAdd(near, &netlink.Addr{
			IPNet: &net.IPNet{IP: own.Addr().AsSlice(), Mask: net.CIDRMask(own.Bits(), own.Addr().BitLen())},
			Flags: unix.IFA_F_NODAD,
		}))
		must(n.Handle().NeighAdd(&netlink.Neigh{
			LinkIndex: near.Attrs().Index, IP: server.AsSlice(), HardwareAddr: far, State: netlink.NUD_PERMANENT,
		}))
	}
	return mac(near.Attrs().HardwareAddr)
}

// dial has the node's kernel send a SYN that nobody answers.
func dial(t *testing.T, n *lab.Node, server netip.AddrPort) {
	t.Helper()
	family, to := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Port: int(server.Port()), Addr: [4]byte(server.Addr().AsSlice()[:4])})
	if server.Addr().Is6() {
		family, to = unix.AF_INET6, &unix.SockaddrInet6{Port: int(server.Port()), Addr: server.Addr().As16()}
	}
	err := n.Do(func() error {
		fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = unix.Close(fd) })
		if err := unix.Connect(fd, to); !errors.Is(err, unix.EINPROGRESS) {
			return errors.Join(errors.New("connect did not start"), err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What a Linux client sends to open a connection tells the MTU of its link.
func TestSYNsOfAKernel(t *testing.T) {
	n := labtest.Node(t, "client")
	servers := map[netip.Prefix]netip.Addr{
		netip.MustParsePrefix("203.0.113.9/24"):   addr("203.0.113.1"),
		netip.MustParsePrefix("2001:db8:c::9/64"): addr("2001:db8:c::1"),
	}
	from := client(t, n, servers)
	tap := labtest.TapWith(t, n, "wire", lab.TapOptions{All: true})
	o := NewObservations(nil)
	for own, server := range servers {
		dial(t, n, netip.AddrPortFrom(server, 443))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		var found classify.SYN
		_, err := tap.Wait(ctx, func(frames []lab.Frame) bool {
			for _, f := range frames {
				s, ok := classify.DecodeSYN(f.Data[14:])
				if ok && s.Server == server && bytes.Equal(f.Data[6:12], from[:]) {
					found = s
					return true
				}
			}
			return false
		})
		cancel()
		if err != nil {
			t.Fatalf("no SYN to %v: %v", server, err)
		}
		if found.Client != own.Addr() || found.ServerPort != 443 || found.ClientPort == 0 || !found.HasMSS || found.Cut {
			t.Errorf("%+v", found)
		}
		o.ObserveSYN(&found, from)
	}
	r := report(o)
	for i, mss := range []uint32{clientMTU - 40, clientMTU - 60} {
		v := r.MSS[i]
		if len(v.Counts) != 1 || v.Counts[0] != (Count{Bytes: mss, MTU: clientMTU, Count: 1, Share: 1, Cumulative: 1}) {
			t.Errorf("%s: %+v, want an MSS of %d, so an MTU of %d", v.Family, v.Counts, mss, clientMTU)
		}
		for _, l := range r.Edge[2*i].Lines {
			if want := l.MTU <= clientMTU; want != (l.Spared == 1) {
				t.Errorf("%s with MTU %d: %v spared", v.Family, l.MTU, l.Spared)
			}
		}
	}
	if hops := r.Networks.SYNs.NextHops; len(hops) != 1 || hops[0].MAC != macText(from) || hops[0].Count != 2 {
		t.Errorf("next hops %+v, want %s twice", hops, macText(from))
	}
}
