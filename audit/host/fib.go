package host

import (
	"net/netip"
	"strconv"
)

// MaxKept is how many of each kind [Routes] names, and how many path MTUs an
// [ExceptionSet]; beyond it they are only counted, so that a full routing table
// costs no more memory than this.
const MaxKept = 1000

// RouteType is what a route does with a packet: RTN_* of linux/rtnetlink.h.
type RouteType uint8

// RouteUnicast is the one that the audit asks about.
const RouteUnicast RouteType = 1

// RouteOrigin is who made a route: RTPROT_* of linux/rtnetlink.h, or a number
// that a routing daemon chose.
type RouteOrigin uint8

// OriginRouterAdvertisement is the one that the audit asks about.
const OriginRouterAdvertisement RouteOrigin = 9

// Tables that have names (rt_class_t in linux/rtnetlink.h).
const (
	TableDefault = 253
	TableMain    = 254
	TableLocal   = 255
)

// TableName is how ip route calls a table.
func TableName(table uint32) string {
	switch table {
	case TableDefault:
		return "default"
	case TableMain:
		return "main"
	case TableLocal:
		return "local"
	}
	return strconv.FormatUint(uint64(table), 10)
}

// FIBRoute is one route of a routing table.
type FIBRoute struct {
	Destination netip.Prefix // 0.0.0.0/0 and ::/0 are default routes
	Source      netip.Prefix // IPv6 subtrees only; else the zero Prefix
	Table       uint32
	Type        RouteType
	Origin      RouteOrigin
	// TOS is what packets must have in the bits 0x1c of that byte, IPv4 only; 0:
	// any (fib_dscp_masked_match in include/net/ip_fib.h). Since 5.18 the kernel
	// takes no route with other ECN bits than 0.
	TOS    uint8
	Metric uint32
	// MTU in bytes that the route is tagged with; 0: none.
	MTU uint32
	// MTULocked: the kernel does not learn a smaller one.
	MTULocked bool
	// AdvMSS in bytes that the route is tagged with; 0: none.
	AdvMSS uint32
	// NextHops are one, or several of a multipath route; none of a blackhole and
	// its like. Those of nexthop objects and their groups are here too.
	NextHops []NextHop
	// Object is the id of the nexthop object or group; 0: none.
	Object uint32
}

// NextHop is one way of a route.
type NextHop struct {
	// Gateway is the zero Addr where the destination is on the link. It may be
	// of the other family.
	Gateway   netip.Addr
	Interface int // index of the link; 0: none
	// Dead and LinkDown are the kernel's own word (RTNH_F_DEAD, RTNH_F_LINKDOWN).
	Dead, LinkDown bool
}

// Routes is what the routing tables of all numbers and both families say.
// MPLS and multicast routing are left alone.
type Routes struct {
	// IPv4 and IPv6 are how many routes there are, of all types.
	IPv4, IPv6 int
	// Default are the unicast default routes of all tables, those of the table
	// main kept before others; by family, table and metric.
	Default []FIBRoute
	// Tagged are the unicast routes with an MTU or advmss, or a lock; those with
	// an MTU first, then by table and destination.
	Tagged []FIBRoute
	// ByTOS are the routes of all types that select by TOS, by table and
	// destination.
	ByTOS []FIBRoute
	// Ways are the distinct next hops of unicast routes, with the state of their
	// neighbours, those of default routes kept before others; by interface and
	// gateway.
	Ways []Way
	// Addresses are those that interfaces hold, in the kernel's order.
	Addresses []Address
	// Local are the prefixes of routes of type local in the table of that name
	// and others, default routes left out; sorted, without repetition. It and
	// Addresses are whole, for they are this host's own and one is compared with
	// the other.
	Local []netip.Prefix
	// LeftOut is how many entries the other lists lack, by MaxKept each. A way
	// that is left out counts for every next hop that goes it, and a route whose
	// nexthop object is not known counts as one.
	LeftOut int
	// Restless: tables changed whenever they were read, so some of this may be
	// twice or missing.
	Restless bool
}

// Way is a next hop as routes share it.
type Way struct {
	Gateway   netip.Addr // the zero Addr: whatever is on the link
	Interface int
	Neighbour Neighbour // of the gateway; the zero Neighbour where there is none
	// Dead and LinkDown are the kernel's own word.
	Dead, LinkDown bool
	// Routes is how many unicast routes go this way. Of them Only have no other
	// way.
	//
	// A default route has the ways of all others that the kernel falls back to
	// when a neighbour fails: IPv4 of the same table and metric
	// (fib_select_default in net/ipv4/fib_trie.c), IPv6 of the same table and
	// source (rt6_select in net/ipv6/route.c). IPv6 falls back from other routes,
	// too, as long as it does not forward; Only knows nothing of that. Default
	// routes of more than MaxKept kinds are never Only.
	Routes, Only int
	// Advertised is how many of them are default routes that routers advertised.
	Advertised int
	// Default: a default route goes this way.
	Default bool
}

// Address is an address of an interface.
type Address struct {
	Prefix    netip.Prefix // not masked; of a point-to-point link, the own one
	Interface int
	// Tentative: duplicate address detection is not done, or has failed, so no
	// local route is due (IFA_F_TENTATIVE, IFA_F_DADFAILED).
	Tentative bool
}
