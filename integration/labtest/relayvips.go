//go:build linux

package labtest

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
)

// WithdrawVIPs makes the VIPs of a family local no more on a server, however the
// lab made them so.
func WithdrawVIPs(t testing.TB, l *lab.Lab, server int, f lab.Family) {
	t.Helper()
	n := l.Servers[server]
	if l.Options.VIPs == lab.VIPAnyIP {
		route := anyIP(t, l, n, f)
		if err := n.Handle().RouteDel(&route); err != nil {
			t.Fatalf("%s: withdraw %v: %v", n.Name(), route.Dst, err)
		}
		return
	}
	iface := "lo"
	if l.Options.VIPs == lab.VIPOnInterface {
		iface = "eth0"
	}
	for _, vip := range l.VIPAddrs(f) {
		if err := n.Handle().AddrDel(link(t, n, iface), address(vip)); err != nil {
			t.Fatalf("%s: withdraw %v: %v", n.Name(), vip, err)
		}
	}
}

// anyIP is the route that makes the VIPs of a family local.
func anyIP(t testing.TB, l *lab.Lab, n *lab.Node, f lab.Family) netlink.Route {
	t.Helper()
	af := unix.AF_INET
	if f == lab.IPv6 {
		af = unix.AF_INET6
	}
	local := netlink.Route{Table: unix.RT_TABLE_LOCAL, Type: unix.RTN_LOCAL}
	routes, err := n.Handle().RouteListFiltered(af, &local, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_TYPE)
	if err != nil {
		t.Fatalf("%s: list local routes: %v", n.Name(), err)
	}
	i := slices.IndexFunc(routes, func(r netlink.Route) bool {
		ones, bits := r.Dst.Mask.Size()
		return ones < bits && r.Dst.Contains(l.VIP(f).AsSlice())
	})
	if i < 0 {
		t.Fatalf("%s: no AnyIP route for %v", n.Name(), l.VIP(f))
	}
	return routes[i]
}

// HoldAddresses gives lo of a node addresses and waits until they are local: the
// kernel adds the routes of IPv6 a moment later.
func HoldAddresses(t testing.TB, n *lab.Node, addresses ...netip.Addr) {
	t.Helper()
	lo := link(t, n, "lo")
	for _, a := range addresses {
		if err := n.Handle().AddrAdd(lo, address(a)); err != nil {
			t.Fatalf("%s: hold %v: %v", n.Name(), a, err)
		}
	}
	for _, a := range addresses {
		Eventually(t, 5*time.Second, fmt.Sprintf("%v is local on %s", a, n.Name()), func() error {
			routes, err := n.Handle().RouteGet(a.AsSlice())
			if err == nil && (len(routes) != 1 || routes[0].Type != unix.RTN_LOCAL) {
				err = fmt.Errorf("routes %v", routes)
			}
			return err
		})
	}
}

func link(t testing.TB, n *lab.Node, name string) netlink.Link {
	t.Helper()
	l, err := n.Handle().LinkByName(name)
	if err != nil {
		t.Fatalf("%s: %v", n.Name(), err)
	}
	return l
}

func address(a netip.Addr) *netlink.Addr {
	return &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())}}
}
