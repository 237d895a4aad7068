package host

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/labtest"
)

// kernel changes a network namespace and says what is in it, by another
// library than the one under test.
type kernel struct {
	*netlink.Handle
	t testing.TB
}

// own is the network namespace of the test binary.
func own(t testing.TB) kernel {
	t.Helper()
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return kernel{h, t}
}

func (k kernel) must(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

func (k kernel) link(name string) netlink.Link {
	k.t.Helper()
	l, err := k.LinkByName(name)
	k.must(err)
	return l
}

// addVeth makes a veth pair, both ends down.
func (k kernel) addVeth(name, peer string, mtu int, mac string) {
	k.t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.HardwareAddr = name, mtu, hardware(mac)
	k.must(k.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: peer}))
}

func (k kernel) setUp(names ...string) {
	k.t.Helper()
	for _, name := range names {
		k.must(k.LinkSetUp(k.link(name)))
	}
}

// awaitCarrier waits for links to run, which the kernel notices a moment after
// they are up.
func (k kernel) awaitCarrier(names ...string) {
	k.t.Helper()
	labtest.Eventually(k.t, within, "links have carrier", func() error {
		for _, name := range names {
			if k.link(name).Attrs().RawFlags&unix.IFF_RUNNING == 0 {
				return fmt.Errorf("%s has none", name)
			}
		}
		return nil
	})
}

func (k kernel) addAddress(iface string, addresses ...string) {
	k.t.Helper()
	for _, a := range addresses {
		k.must(k.AddrAdd(k.link(iface), address(a)))
	}
}

func (k kernel) deleteAddress(iface string, addresses ...string) {
	k.t.Helper()
	for _, a := range addresses {
		k.must(k.AddrDel(k.link(iface), address(a)))
	}
}

// vips are n addresses of both families for lo.
func vips(n int) (addresses []string) {
	for i := range n / 2 {
		addresses = append(addresses, fmt.Sprintf("198.18.%d.%d/32", i>>8, i&255), fmt.Sprintf("2001:db8::1:%x/128", i))
	}
	return addresses
}

// address is usable at once: no other host is asked for it.
func address(text string) *netlink.Addr {
	p := netip.MustParsePrefix(text)
	a := &netlink.Addr{IPNet: ipNet(p)}
	if p.Addr().Is6() {
		a.Flags = unix.IFA_F_NODAD
	}
	return a
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// route is `TYPE PREFIX dev IFACE table TABLE`.
func (k kernel) route(kind int, prefix, iface string, table int) *netlink.Route {
	k.t.Helper()
	p := netip.MustParsePrefix(prefix)
	r := &netlink.Route{Type: kind, Dst: ipNet(p), Table: table, LinkIndex: k.link(iface).Attrs().Index}
	if kind == unix.RTN_LOCAL && p.Addr().Is4() {
		r.Scope = netlink.SCOPE_HOST
	}
	return r
}

func hardware(text string) net.HardwareAddr {
	mac, err := net.ParseMAC(text)
	if err != nil {
		panic(err)
	}
	return mac
}

// state is what Read must say.
func (k kernel) state() (State, error) {
	var s State
	links, err := k.LinkList()
	if err != nil {
		return s, err
	}
	for _, l := range links {
		a := l.Attrs()
		link := Link{
			Index: a.Index, Name: a.Name, MTU: uint32(a.MTU), Ethernet: a.EncapType == "ether",
			Loopback: a.Flags&net.FlagLoopback != 0, Up: a.Flags&net.FlagUp != 0,
			Running: a.RawFlags&unix.IFF_RUNNING != 0,
		}
		if link.Ethernet {
			link.MAC = MAC(a.HardwareAddr)
		}
		s.Links = append(s.Links, link)
	}
	slices.SortFunc(s.Links, func(a, b Link) int { return a.Index - b.Index })
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		all := &netlink.Route{Table: unix.RT_TABLE_UNSPEC, Type: unix.RTN_LOCAL}
		routes, err := k.RouteListFiltered(family, all, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_TYPE)
		if err != nil {
			return s, err
		}
		for _, r := range routes {
			if ones, _ := r.Dst.Mask.Size(); ones == 0 {
				continue // a transparent proxy's, no address of this host
			}
			a, ok := netip.AddrFromSlice(r.Dst.IP)
			ones, bits := r.Dst.Mask.Size()
			if !ok || bits != a.BitLen() {
				return s, fmt.Errorf("route to %v", r.Dst)
			}
			s.Local = append(s.Local, netip.PrefixFrom(a, ones))
		}
	}
	slices.SortFunc(s.Local, netip.Prefix.Compare)
	s.Local = slices.Compact(s.Local)
	return s, nil
}

// holds is an error unless the state has each of the prefixes as local.
func holds(s State, prefixes ...string) error {
	var errs []error
	for _, p := range prefixes {
		if !slices.Contains(s.Local, netip.MustParsePrefix(p)) {
			errs = append(errs, fmt.Errorf("%s is not local", p))
		}
	}
	return errors.Join(errs...)
}

// lacks is an error if the state has any of the prefixes as local.
func lacks(s State, prefixes ...string) error {
	var errs []error
	for _, p := range prefixes {
		if holds(s, p) == nil {
			errs = append(errs, fmt.Errorf("%s is local", p))
		}
	}
	return errors.Join(errs...)
}
