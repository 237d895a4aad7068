package host

import "net/netip"

// MaxKept is how many of each kind [Routes] names; beyond it they are only
// counted, so that a full routing table costs no more memory than this.
const MaxKept = 1000

// RouteType is what a route does with a packet: RTN_* of linux/rtnetlink.h.
type RouteType uint8

// The types that the audit asks about.
const (
	RouteUnicast RouteType = 1
	RouteLocal   RouteType = 2
)

// RouteOrigin is who made a route: RTPROT_* of linux/rtnetlink.h, or a number
// that a routing daemon chose.
type RouteOrigin uint8

// The origins that the audit asks about.
const (
	OriginKernel              RouteOrigin = 2
	OriginRouterAdvertisement RouteOrigin = 9
)

// Tables that have names (rt_class_t in linux/rtnetlink.h).
const (
	TableDefault = 253
	TableMain    = 254
	TableLocal   = 255
)

// FIBRoute is one route of a routing table.
type FIBRoute struct {
	Destination netip.Prefix // 0.0.0.0/0 and ::/0 are default routes
	Source      netip.Prefix // IPv6 subtrees only; else the zero Prefix
	Table       uint32
	Type        RouteType
	Origin      RouteOrigin
	// TOS is the whole byte that packets must have; 0: any.
	TOS    uint8
	Metric uint32
	// MTU in bytes that the route is tagged with; 0: none.
	MTU uint32
	// MTULocked: the kernel does not learn a smaller one.
	MTULocked bool
	// AdvMSS in bytes that the route is tagged with; 0: none.
	AdvMSS uint32
	// NextHops are one, or several of a multipath route. Those of nexthop
	// objects and their groups are here too.
	NextHops []NextHop
	// Object is the id of the nexthop object or group; 0: none.
	Object uint32
}

// NextHop is one way of a route.
type NextHop struct {
	// Gateway is the zero Addr where the destination is on the link. It may be
	// of the other family.
	Gateway   netip.Addr
	Interface int    // index of the link; 0: none, as of blackholes
	Weight    int    // share in a multipath route, from 1
	Object    uint32 // id of the nexthop object; 0: none
	// Dead and LinkDown are the kernel's own word (RTNH_F_DEAD, RTNH_F_LINKDOWN).
	Dead, LinkDown bool
}

// Routes is what the routing tables of all numbers and both families say.
type Routes struct {
	// IPv4 and IPv6 are how many routes there are.
	IPv4, IPv6 int
	// Default are the unicast default routes of all tables.
	Default []FIBRoute
	// Tagged are the unicast routes with an MTU or advmss, or a lock; those with
	// an MTU first, then by table and destination.
	Tagged []FIBRoute
	// ByTOS are the routes that select by TOS.
	ByTOS []FIBRoute
	// Ways are the distinct next hops of unicast routes, with the state of their
	// neighbours.
	Ways []Way
	// Addresses are those that interfaces hold.
	Addresses []Address
	// Local are the prefixes of routes of type local in the table of that name
	// and others, default routes left out; sorted, without repetition.
	Local []netip.Prefix
	// LeftOut is how many entries the lists above lack, by MaxKept each.
	LeftOut int
}

// Way is a next hop as routes share it.
type Way struct {
	Gateway   netip.Addr // the zero Addr: whatever is on the link
	Interface int
	Neighbour Neighbour // of the gateway; the zero Neighbour where there is none
	// Dead and LinkDown are the kernel's own word.
	Dead, LinkDown bool
	// Routes is how many unicast routes go this way. Of them Only have no other
	// way; default routes of one table and family count as one route, for the
	// kernel falls back from one to the other.
	Routes, Only int
	// Advertised is how many of them are default routes that routers advertised.
	Advertised int
	// Default: a default route goes this way.
	Default bool
}

// Address is an address of an interface.
type Address struct {
	Prefix    netip.Prefix // not masked
	Interface int
	// Tentative: duplicate address detection is not done, or has failed, so no
	// local route is due (IFA_F_TENTATIVE, IFA_F_DADFAILED).
	Tentative bool
}
