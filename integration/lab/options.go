//go:build linux

package lab

import "fmt"

// Placement is how servers hold the VIPs.
type Placement int

// The placements.
const (
	// VIPOnLoopback: 192.0.2.1/32 and 2001:db8:ffff::1/128 on lo, and with a
	// VIPCount the addresses after them.
	VIPOnLoopback Placement = iota
	// VIPAnyIP: 192.0.2.0/24 and 2001:db8:ffff::/64 are local by a route
	// (ip route add local PREFIX dev lo), and stand in no address list.
	VIPAnyIP
	// VIPOnInterface: as on loopback, but on eth0.
	VIPOnInterface
)

// String names the placement in test names and messages.
func (p Placement) String() string {
	switch p {
	case VIPOnLoopback:
		return "lo"
	case VIPAnyIP:
		return "anyip"
	case VIPOnInterface:
		return "interface"
	}
	return fmt.Sprintf("placement %d", int(p))
}

// Options describe a lab; the zero value is the usual one.
type Options struct {
	Shape      Shape     // how servers are connected to the router
	Servers    int       // 0: 3, at most 64
	Clients    int       // client addresses a family; 0: 64, at most 250
	PathMTU    int       // MTU of the ISP's link to the client, ISP's side, bytes; 0: 1400, at least 1280
	SegmentMTU int       // MTU between ISP and servers, bytes; 0: 1500
	ClientMTU  int       // MTU of the client's own interface, which bounds the segments that it asks for, bytes; 0: 1500
	Offload    bool      // TSO, GSO and GRO on every interface; off, a window makes a burst of PTBs
	VIPs       Placement // how servers hold the VIPs
	VIPCount   int       // VIPs a family, by which the flows of a load take turns; 0: 1, at most 64
	Macvlan    bool      // the servers' eth0 is a macvlan on the cable's end, which is called cable0
	RPFilter   int       // rp_filter of the servers: 1 strict, 2 loose; 0: off in shape l2, strict in l3
	PTBRate    int       // PTBs that the ISP emits, a second for both families together, as hardware limits them; 0: no limit
}

func (o Options) withDefaults() (Options, error) {
	for _, d := range []struct {
		what               string
		field              *int
		usual, least, most int
	}{
		{"servers", &o.Servers, 3, 1, 64},
		{"clients", &o.Clients, 64, 1, 250},
		{"path MTU", &o.PathMTU, 1400, 1280, etherMTU},
		{"segment MTU", &o.SegmentMTU, etherMTU, etherMTU, 65535},
		{"client MTU", &o.ClientMTU, etherMTU, etherMTU, 65535},
		{"VIP count", &o.VIPCount, 1, 1, 64},
		{"rp_filter", &o.RPFilter, o.Shape.rpFilter(), 0, 2},
		{"PTB rate", &o.PTBRate, 0, 0, 1 << 30},
	} {
		if *d.field == 0 {
			*d.field = d.usual
		}
		if *d.field < d.least || *d.field > d.most {
			return o, fmt.Errorf("lab options: %s is %d, must be %d to %d", d.what, *d.field, d.least, d.most)
		}
	}
	if o.Shape < ShapeSegment || o.Shape > ShapeRouted {
		return o, fmt.Errorf("lab options: unknown %v", o.Shape)
	}
	if o.VIPs < VIPOnLoopback || o.VIPs > VIPOnInterface {
		return o, fmt.Errorf("lab options: unknown %v", o.VIPs)
	}
	return o, nil
}
