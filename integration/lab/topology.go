//go:build linux

package lab

import (
	"fmt"
	"net/netip"
	"strconv"
)

func serverName(i int) string { return "server" + strconv.Itoa(i) }

// makeNodes makes the hosts, all at once.
func (l *Lab) makeNodes() error {
	slots := []**Node{&l.Client, &l.ISP, &l.Router}
	names := []string{"client", "isp", "router"}
	if l.Options.Shape == ShapeSegment {
		slots, names = append(slots, &l.Switch), append(names, "switch")
	}
	for i := range l.Servers {
		slots, names = append(slots, &l.Servers[i]), append(names, serverName(i))
	}
	return each(len(slots), func(i int) (err error) {
		*slots[i], err = NewNode(names[i])
		return err
	})
}

// makeQuiet sets what every node needs before it has interfaces. New
// namespaces may inherit IPv4 values from the host
// (net.core.devconf_inherit_init_net), so those are set even where they are
// the kernel's own defaults.
func (l *Lab) makeQuiet() error {
	nodes := l.Nodes()
	return each(len(nodes), func(i int) error {
		noIPv6 := "0"
		if nodes[i] == l.Switch {
			noIPv6 = "1" // a switch only forwards frames
		}
		var s []setting
		for _, scope := range []string{"all", "default", "lo"} {
			s = append(s,
				setting{"net/ipv4/conf/" + scope + "/rp_filter", "0"},
				setting{"net/ipv6/conf/" + scope + "/disable_ipv6", noIPv6},
				setting{"net/ipv6/conf/" + scope + "/accept_dad", "0"},
				setting{"net/ipv6/conf/" + scope + "/accept_ra", "0"})
		}
		s = append(s,
			setting{"net/ipv6/conf/default/router_solicitations", "0"},
			setting{"net/ipv4/conf/all/arp_announce", "2"}, // never ask with a VIP as the sender
		)
		return nodes[i].setSysctls(s...)
	})
}

// layCables connects the nodes.
func (l *Lab) layCables() error {
	access := connect(
		end{node: l.ISP, iface: "client", mtu: l.Options.PathMTU, id: 1},
		end{node: l.Client, iface: "eth0", mtu: l.Options.ClientMTU, id: 2})
	if access != nil {
		return access
	}
	core := connect(
		end{node: l.ISP, iface: "router", mtu: l.Options.SegmentMTU, id: 3},
		end{node: l.Router, iface: "isp", mtu: l.Options.SegmentMTU, id: 4})
	if core != nil {
		return core
	}
	if err := l.fabric.lay(); err != nil {
		return err
	}
	nodes := l.Nodes()
	if err := each(len(nodes), func(i int) error { return nodes[i].setOffload(l.Options.Offload) }); err != nil {
		return err
	}
	if !l.Options.Macvlan {
		return nil
	}
	// After the offloads, which links on a cable cannot switch: it does it for them.
	return each(len(l.Servers), l.macvlan)
}

// setRoles makes routers of the routers and servers of the servers.
func (l *Lab) setRoles() error {
	forward := []setting{
		{"net/ipv4/ip_forward", "1"},
		{"net/ipv6/conf/all/forwarding", "1"},
		{"net/ipv4/conf/all/send_redirects", "0"},
		{"net/ipv6/icmp/ratelimit", "0"}, // before Linux 5.x it held for PTBs too
	}
	if err := l.ISP.setSysctls(forward...); err != nil {
		return err
	}
	router := append(forward, l.multipath()...)
	if err := l.Router.setSysctls(append(router, reversePath(l.Options.Shape.rpFilter()))...); err != nil {
		return err
	}
	return each(len(l.Servers), func(i int) error {
		return l.Servers[i].setSysctls(
			setting{"net/ipv4/tcp_mtu_probing", "0"},
			setting{"net/ipv4/ip_no_pmtu_disc", "0"},
			reversePath(l.Options.RPFilter))
	})
}

// hashFields selects addresses, IP protocol and ports of the outer header
// (ip-sysctl, fib_multipath_hash_fields).
const hashFields = "0x37"

// hashSeed is any number but zero. It makes the owners of the load's flows the
// same in every lab and after every boot.
const hashSeed = "1"

// multipath has the router hash each packet's own addresses, protocol and
// ports, so an ICMP error goes by its outer header, as in hardware.
//
// Policy 1 says the same, but takes the hash that the sending socket left with
// the packet where there is one; it survives a veth cable, so flows would go
// by a random number that changes when TCP thinks its path is bad (fib
// multipath_hash in net/ipv4/route.c, sk_rethink_txhash). Policy 3 reads the
// packet.
func (l *Lab) multipath() []setting {
	settings := []setting{
		{"net/ipv4/fib_multipath_hash_policy", "3"},
		{"net/ipv6/fib_multipath_hash_policy", "3"},
		{"net/ipv4/fib_multipath_hash_fields", hashFields},
		{"net/ipv6/fib_multipath_hash_fields", hashFields},
	}
	// Since Linux 6.11, for both families; before, the seed is the boot's.
	const seed = "net/ipv4/fib_multipath_hash_seed"
	if _, err := l.Router.Sysctl(seed); err == nil {
		settings = append(settings, setting{seed, hashSeed})
	}
	return settings
}

// number gives every interface its addresses.
func (l *Lab) number() error {
	var clients []netip.Prefix
	for _, f := range Families() {
		p := plans[f]
		for _, a := range []struct {
			node    *Node
			iface   string
			address netip.Prefix
		}{
			{l.ISP, "client", with(nth(p.access, 1), p.access)},
			{l.Client, "eth0", with(nth(p.access, 2), p.access)},
			{l.ISP, "router", with(nth(p.core, 1), p.core)},
			{l.Router, "isp", with(nth(p.core, 2), p.core)},
		} {
			if err := a.node.addAddresses(a.iface, a.address); err != nil {
				return err
			}
		}
		for i := range l.Options.Clients {
			clients = append(clients, host(l.ClientAddr(f, i)))
		}
	}
	if err := l.Client.addAddresses("eth0", clients...); err != nil {
		return err
	}
	if err := l.numberFabric(); err != nil {
		return err
	}
	return each(len(l.Servers), func(i int) error { return l.holdVIPs(l.Servers[i]) })
}

// holdVIPs makes the VIPs local on a server.
func (l *Lab) holdVIPs(server *Node) error {
	for _, f := range Families() {
		var vips []netip.Prefix
		for _, vip := range l.VIPAddrs(f) {
			vips = append(vips, host(vip))
		}
		var err error
		switch l.Options.VIPs {
		case VIPOnLoopback:
			err = server.addAddresses("lo", vips...)
		case VIPOnInterface:
			err = server.addAddresses("eth0", vips...)
		case VIPAnyIP:
			err = server.addRoute(plans[f].vips)
		}
		if err != nil {
			return fmt.Errorf("node %s: hold the %v VIPs: %w", server.name, f, err)
		}
	}
	return nil
}

// route adds all routes that interfaces' own prefixes do not give.
func (l *Lab) route() error {
	for _, f := range Families() {
		p := plans[f]
		routes := []struct {
			node     *Node
			to       netip.Prefix
			gateways []netip.Addr
		}{
			{l.Client, p.anywhere, []netip.Addr{nth(p.access, 1)}},
			{l.ISP, p.clients, []netip.Addr{nth(p.access, 2)}},
			{l.ISP, p.vips, []netip.Addr{nth(p.core, 2)}},
			{l.ISP, p.fabric, []netip.Addr{nth(p.core, 2)}},
			{l.Router, p.anywhere, []netip.Addr{nth(p.core, 1)}},
			{l.Router, p.vips, l.nextHops(f)},
		}
		for i, server := range l.Servers {
			routes = append(routes, struct {
				node     *Node
				to       netip.Prefix
				gateways []netip.Addr
			}{server, p.anywhere, []netip.Addr{l.RouterAddr(f, i)}})
		}
		for _, r := range routes {
			if err := r.node.addRoute(r.to, r.gateways...); err != nil {
				return fmt.Errorf("node %s: route %v by %v: %w", r.node.name, r.to, r.gateways, err)
			}
		}
	}
	return nil
}
