//go:build linux

package lab

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// This file is the shape of the network between router and servers: one
// Ethernet segment, a bridge on a node of its own.

// laySegment connects the router and the servers to the switch. Their ids
// leave room for the other cables'.
func (l *Lab) laySegment() error {
	snooping := false // no querier here: it would only delay neighbour discovery
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = "br0", l.Options.SegmentMTU
	bridge := &netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &snooping}
	if err := l.Switch.handle.LinkAdd(bridge); err != nil {
		return fmt.Errorf("node %s: make bridge br0: %w", l.Switch.name, err)
	}
	if err := l.forwardOnly(); err != nil {
		return err
	}
	if err := l.Switch.setUp("br0"); err != nil {
		return err
	}
	if err := l.plug(l.Router, "servers", "router", 0); err != nil {
		return err
	}
	for i, server := range l.Servers {
		if err := l.plug(server, l.serverCable(), server.name, i+1); err != nil {
			return err
		}
	}
	return nil
}

// forwardOnly keeps the bridge from walking every frame through the IP packet
// filter hooks, as Linux does by default where br_netfilter is there and no
// switch does.
func (l *Lab) forwardOnly() error {
	for _, key := range []string{"net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables"} {
		if _, err := l.Switch.Sysctl(key); err != nil {
			continue // this kernel does not
		}
		if err := l.Switch.SetSysctl(key, "0"); err != nil {
			return err
		}
	}
	return nil
}

// plug connects a node's interface to a switch port.
func (l *Lab) plug(n *Node, iface, port string, number int) error {
	id := uint16(0x100 + 2*number)
	err := connect(
		end{node: n, iface: iface, mtu: l.Options.SegmentMTU, id: id},
		end{node: l.Switch, iface: port, mtu: l.Options.SegmentMTU, id: id + 1})
	if err != nil {
		return err
	}
	link, err := l.Switch.handle.LinkByName(port)
	if err != nil {
		return fmt.Errorf("node %s: port %s: %w", l.Switch.name, port, err)
	}
	bridge, err := l.Switch.handle.LinkByName("br0")
	if err != nil {
		return fmt.Errorf("node %s: bridge br0: %w", l.Switch.name, err)
	}
	if err := l.Switch.handle.LinkSetMaster(link, bridge); err != nil {
		return fmt.Errorf("node %s: add %s to br0: %w", l.Switch.name, port, err)
	}
	return nil
}

func (l *Lab) numberSegment() error {
	for _, f := range Families() {
		segment := plans[f].segment
		if err := l.Router.addAddresses("servers", with(l.RouterAddr(f), segment)); err != nil {
			return err
		}
		for i, server := range l.Servers {
			if err := server.addAddresses("eth0", with(l.ServerAddr(f, i), segment)); err != nil {
				return err
			}
		}
	}
	return nil
}

// nextHops are the router's next hops to the VIPs.
func (l *Lab) nextHops(f Family) []netip.Addr {
	var hops []netip.Addr
	for i := range l.Servers {
		hops = append(hops, l.ServerAddr(f, i))
	}
	return hops
}
