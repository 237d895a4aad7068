//go:build linux

package lab

import "net/netip"

// fabric is what lies between the router and the servers: the part of the
// network in which the shapes differ.
type fabric interface {
	// lay connects the servers' cables with the router.
	lay() error
	// toward is the router's interface that leads to server i.
	toward(i int) string
	// addresses are those of the network that server i shares with the router,
	// with its length.
	addresses(f Family, i int) (router, server netip.Prefix)
}

func (l *Lab) newFabric() fabric {
	if l.Options.Shape == ShapeRouted {
		return routed{l}
	}
	return segment{l}
}

// cable is the server's end of the cable of server i. Its id and the one after
// it, for the other end, are those of no other cable.
func (l *Lab) cable(i int) end {
	return end{node: l.Servers[i], iface: l.serverCable(), mtu: l.Options.SegmentMTU, id: cableID(i + 1)}
}

// cableID numbers the fabric's cables, two for each, with room before them for
// all other cables.
func cableID(number int) uint16 { return uint16(0x100 + 2*number) }

// numberFabric gives the router and the servers their addresses on the fabric.
func (l *Lab) numberFabric() error {
	for _, f := range Families() {
		var numbered string // the interface that has its address
		for i := range l.Servers {
			router, server := l.fabric.addresses(f, i)
			if err := l.Servers[i].addAddresses("eth0", server); err != nil {
				return err
			}
			if toward := l.RouterInterface(i); toward != numbered {
				if err := l.Router.addAddresses(toward, router); err != nil {
					return err
				}
				numbered = toward
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
