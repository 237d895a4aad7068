package transport

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// The kernel of an owner learns from what was cut, and not from the same bytes
// before they were mended. (A UDP socket is enough for it to learn.)
func TestKernelLearnsFromCut(t *testing.T) {
	for _, p := range []classifytest.PTB{
		{QuoteBytes: 1472, Protocol: classify.UDP, VIPPort: 53},
		{QuoteBytes: 1016, Protocol: classify.UDP, VIPPort: 53, Options: make([]byte, 8), ExtensionObjects: bytes.Repeat(classifytest.MPLSLabel(), 60)},
		{Family: classify.IPv6, QuoteBytes: 1452, Protocol: classify.UDP, VIPPort: 53},
		{Family: classify.IPv6, QuoteBytes: 1452, Protocol: classify.UDP, VIPPort: 53, Extensions: []classifytest.Extension{classifytest.HopByHop()}},
	} {
		m := eligible(t, p.Bytes())
		t.Run(fmt.Sprintf("%v of %d bytes", m.Family, len(m.Packet)), func(t *testing.T) {
			n := labtest.Node(t, "owner")
			own(t, n, m)
			inject(t, n, m.VIP, m.Packet[:MaxPacket])
			checkPathMTU(t, n, m, 1500)
			inject(t, n, m.VIP, cut(nil, m))
			checkPathMTU(t, n, m, int(m.MTU))
		})
	}
}

// own makes the node the owner of the message's flow, which would leave by an
// interface of MTU 1500. The VIP is a local route: the one that IPv6 makes of an
// address comes a moment after it.
func own(t *testing.T, n *lab.Node, m *classify.Message) {
	t.Helper()
	c := lay(t, n, "eth0", 1500)
	must(t, n.Handle().RouteAdd(&netlink.Route{
		LinkIndex: link(t, n, "lo").Attrs().Index,
		Dst:       only(m.VIP),
		Type:      unix.RTN_LOCAL,
		Table:     unix.RT_TABLE_LOCAL,
		Scope:     netlink.SCOPE_HOST,
	}))
	must(t, n.Handle().RouteAdd(&netlink.Route{LinkIndex: c.iface.Index, Dst: only(m.Flow.Client())}))
	conn, err := n.ListenPacket(t.Context(), "udp", fmt.Sprint(":", m.Flow.VIPPort()))
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
}

// only is the prefix of that address alone.
func only(a netip.Addr) *net.IPNet {
	return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())}
}

// inject has the node send a packet as it is to its own VIP.
func inject(t *testing.T, n *lab.Node, vip netip.Addr, packet []byte) {
	t.Helper()
	must(t, n.Do(func() error {
		family, to := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Addr: as4(vip)})
		if vip.Is6() {
			family, to = unix.AF_INET6, &unix.SockaddrInet6{Addr: vip.As16()}
		}
		fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Sendto(fd, packet, 0, to)
	}))
}

// as4 returns zeros for an IPv6 address.
func as4(a netip.Addr) (b [4]byte) {
	copy(b[:], a.AsSlice())
	return b
}

func checkPathMTU(t *testing.T, n *lab.Node, m *classify.Message, want int) {
	t.Helper()
	labtest.Eventually(t, 5*time.Second, "path MTU", func() error {
		mtu, learned, err := n.PathMTU(m.VIP, m.Flow.Client())
		if err != nil {
			return err
		}
		if mtu != want || learned != (want < 1500) {
			return fmt.Errorf("%d, learned: %v, want %d", mtu, learned, want)
		}
		return nil
	})
}
