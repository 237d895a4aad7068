//go:build linux

package lab

import (
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// etherMTU is the usual MTU of Ethernet, in bytes.
const etherMTU = 1500

// plan is the address plan of one family.
type plan struct {
	vips     netip.Prefix // what the router spreads over the servers; VIPs count from 1 on
	clients  netip.Prefix // client addresses count from its first on
	access   netip.Prefix // ISP (1) to client (2)
	core     netip.Prefix // ISP (1) to router (2)
	fabric   netip.Prefix // all between router and servers: one network, where servers count from 1 on, or one of two addresses for each server
	gateway  netip.Addr   // the router, where the fabric is one network
	anywhere netip.Prefix
}

var plans = map[Family]plan{
	IPv4: {
		vips:     netip.MustParsePrefix("192.0.2.0/24"),
		clients:  netip.MustParsePrefix("203.0.113.0/24"),
		access:   netip.MustParsePrefix("198.51.100.0/30"),
		core:     netip.MustParsePrefix("198.51.100.4/30"),
		fabric:   netip.MustParsePrefix("198.51.100.128/25"),
		gateway:  netip.MustParseAddr("198.51.100.254"),
		anywhere: netip.MustParsePrefix("0.0.0.0/0"),
	},
	IPv6: {
		vips:     netip.MustParsePrefix("2001:db8:ffff::/64"),
		clients:  netip.MustParsePrefix("2001:db8:c::/64"),
		access:   netip.MustParsePrefix("2001:db8:1::/64"),
		core:     netip.MustParsePrefix("2001:db8:2::/64"),
		fabric:   netip.MustParsePrefix("2001:db8:3::/64"),
		gateway:  netip.MustParseAddr("2001:db8:3::ffff"),
		anywhere: netip.MustParsePrefix("::/0"),
	},
}

// nth is address number n of a prefix; n < 256.
func nth(p netip.Prefix, n int) netip.Addr {
	b := p.Addr().AsSlice()
	b[len(b)-1] += byte(n)
	a, _ := netip.AddrFromSlice(b)
	return a
}

// with is address a with prefix p's length.
func with(a netip.Addr, p netip.Prefix) netip.Prefix { return netip.PrefixFrom(a, p.Bits()) }

// addrPort joins an address and a port.
func addrPort(a netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a, port) }

// host is address a as a prefix of its own.
func host(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// addRoute adds a route to the node: by gateways (several share by equal
// weights), or, without any, as local on lo.
func (n *Node) addRoute(to netip.Prefix, gateways ...netip.Addr) error {
	route := &netlink.Route{Dst: ipNet(to)}
	switch len(gateways) {
	case 0:
		lo, err := n.handle.LinkByName("lo")
		if err != nil {
			return err
		}
		route.LinkIndex, route.Type, route.Table = lo.Attrs().Index, unix.RTN_LOCAL, unix.RT_TABLE_LOCAL
		if to.Addr().Is4() {
			route.Scope = netlink.SCOPE_HOST
		}
	case 1:
		route.Gw = gateways[0].AsSlice()
	default:
		for _, g := range gateways {
			route.MultiPath = append(route.MultiPath, &netlink.NexthopInfo{Gw: g.AsSlice()})
		}
	}
	return n.handle.RouteAdd(route)
}
