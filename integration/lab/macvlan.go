//go:build linux

package lab

import (
	"fmt"

	"github.com/vishvananda/netlink"
)

// serverCable is the name of the cable's end on servers.
func (l *Lab) serverCable() string {
	if l.Options.Macvlan {
		return "cable0"
	}
	return "eth0"
}

// macvlan makes eth0 of server i a macvlan in bridge mode on its cable.
func (l *Lab) macvlan(i int) error {
	server := l.Servers[i]
	if err := server.silence(l.serverCable()); err != nil {
		return err
	}
	cable, err := server.handle.LinkByName(l.serverCable())
	if err != nil {
		return fmt.Errorf("node %s: interface %s: %w", server.name, l.serverCable(), err)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = "eth0", l.Options.SegmentMTU
	attrs.HardwareAddr = end{id: uint16(0x200 + i)}.mac()
	attrs.ParentIndex = cable.Attrs().Index
	if err := server.handle.LinkAdd(&netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_BRIDGE}); err != nil {
		return fmt.Errorf("node %s: make a macvlan of %s: %w", server.name, l.serverCable(), err)
	}
	return server.setUp("eth0")
}

// silence keeps the node's IP stack from answering on an interface: a macvlan
// leaves the cable below it to the host, which would answer ARP for the
// macvlan's addresses too.
func (n *Node) silence(iface string) error {
	return n.setSysctls(
		setting{"net/ipv4/conf/" + iface + "/arp_ignore", "8"},
		setting{"net/ipv6/conf/" + iface + "/disable_ipv6", "1"})
}
