//go:build linux

package lab

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// segment is the fabric of [ShapeSegment]: a bridge on a node of its own, to
// which router and servers are connected.
type segment struct{ lab *Lab }

// segmentInterface is the router's on the segment.
const segmentInterface = "servers"

func (s segment) lay() error {
	if err := s.makeBridge(); err != nil {
		return err
	}
	router := end{node: s.lab.Router, iface: segmentInterface, mtu: s.lab.Options.SegmentMTU, id: cableID(0)}
	if err := s.plug(router, "router"); err != nil {
		return err
	}
	for i, server := range s.lab.Servers {
		if err := s.plug(s.lab.cable(i), server.name); err != nil {
			return err
		}
	}
	return nil
}

func (s segment) makeBridge() error {
	snooping := false // no querier here: it would only delay neighbour discovery
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = "br0", s.lab.Options.SegmentMTU
	bridge := &netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &snooping}
	if err := s.lab.Switch.handle.LinkAdd(bridge); err != nil {
		return fmt.Errorf("node %s: make bridge br0: %w", s.lab.Switch.name, err)
	}
	if err := s.forwardOnly(); err != nil {
		return err
	}
	return s.lab.Switch.setUp("br0")
}

// forwardOnly keeps the bridge from walking every frame through the IP packet
// filter hooks, as Linux does by default where br_netfilter is there and no
// switch does.
func (s segment) forwardOnly() error {
	for _, key := range []string{"net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables"} {
		if _, err := s.lab.Switch.Sysctl(key); err != nil {
			continue // this kernel does not
		}
		if err := s.lab.Switch.SetSysctl(key, "0"); err != nil {
			return err
		}
	}
	return nil
}

// plug connects a node's cable to a switch port.
func (s segment) plug(cable end, port string) error {
	bridge := s.lab.Switch
	if err := connect(cable, end{node: bridge, iface: port, mtu: cable.mtu, id: cable.id + 1}); err != nil {
		return err
	}
	link, err := bridge.handle.LinkByName(port)
	if err != nil {
		return fmt.Errorf("node %s: port %s: %w", bridge.name, port, err)
	}
	master, err := bridge.handle.LinkByName("br0")
	if err != nil {
		return fmt.Errorf("node %s: bridge br0: %w", bridge.name, err)
	}
	if err := bridge.handle.LinkSetMaster(link, master); err != nil {
		return fmt.Errorf("node %s: add %s to br0: %w", bridge.name, port, err)
	}
	return nil
}

func (s segment) toward(int) string { return segmentInterface }

func (s segment) addresses(f Family, i int) (router, server netip.Prefix) {
	p := plans[f]
	return with(p.gateway, p.fabric), with(nth(p.fabric, i+1), p.fabric)
}
