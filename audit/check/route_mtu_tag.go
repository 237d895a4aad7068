package check

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"

	"ptbrelay/audit/host"
)

// routeMTUTag looks for routes with an MTU of their own that is not that of their
// interface: the tag of a default route is what every client gets, that of
// another prefix is most often meant.
func routeMTUTag(f *Facts) []Finding {
	if err := cmp.Or(f.Routes.Err, f.Links.Err); err != nil {
		return []Finding{unknown(err, "Whether routes keep packets small, or the kernel from learning path MTUs, is not known.")}
	}
	routes := f.Routes.Value
	var found []Finding
	others := map[tag][]host.FIBRoute{}
	var order []tag
	for _, r := range routes.Tagged {
		t, odd := f.tagOf(r)
		switch {
		case !odd:
		case isDefault(r.Destination):
			found = append(found, taggedDefault(t, r))
		default:
			if others[t] == nil {
				order = append(order, t)
			}
			others[t] = append(others[t], r)
		}
	}
	for _, t := range order {
		found = append(found, taggedPrefixes(t, others[t]))
	}
	if cut(routes, routes.Tagged) {
		found = append(found, leftOut("routes with a tag"))
	}
	return orOK(found, fmt.Sprintf("routing tables: of %d IPv4 and %d IPv6 routes none has an MTU tag that differs from its interface's MTU", routes.IPv4, routes.IPv6))
}

// taggedDefault is what is said of a default route: where the tag is as it should be,
// no command takes it away.
func taggedDefault(t tag, r host.FIBRoute) Finding {
	f := Finding{
		Severity: t.severity(),
		Subject:  routeName(r),
		Read:     "routing tables: " + t.String(),
		Why:      t.why() + whoTags(r),
	}
	if f.Severity != Info {
		f.Mend = untag(r)
	}
	return f
}

// tag is an MTU tag against the smallest MTU of the interfaces that the route
// goes out by, both in bytes; 0: none, and not known. Only IPv4 heeds a lock, for
// path MTU discovery of IPv6 is not optional (__ip6_rt_update_pmtu in
// net/ipv6/route.c).
type tag struct {
	mtu        uint32
	locked     bool
	interfaces uint32
}

// tagOf is the route's tag; odd reports whether it makes a difference.
func (f *Facts) tagOf(r host.FIBRoute) (t tag, odd bool) {
	t = tag{mtu: r.MTU, locked: r.MTULocked && r.Destination.Addr().Is4()}
	for _, h := range r.NextHops {
		if l, ok := f.link(h.Interface); ok && (t.interfaces == 0 || l.MTU < t.interfaces) {
			t.interfaces = l.MTU
		}
	}
	return t, t.locked || t.mtu != 0 && t.interfaces != 0 && t.mtu != t.interfaces
}

func (t tag) String() string {
	s := "mtu "
	if t.locked {
		s += "lock "
	}
	s += strconv.FormatUint(uint64(t.mtu), 10)
	if t.interfaces != 0 {
		s += fmt.Sprintf(", the interface's MTU is %d", t.interfaces)
	}
	return s
}

// internetMTU is what packets to the Internet have at most, in bytes: its exchanges
// and access networks are made of Ethernet. A host with jumbo frames on its own
// network is right to keep to it.
const internetMTU = 1500

// severity is that of the tag of a default route.
func (t tag) severity() Severity {
	if !t.locked && t.mtu >= internetMTU && t.mtu < t.interfaces {
		return Info
	}
	return Warning
}

func (t tag) why() string {
	switch {
	case t.locked: // ip_dont_fragment in include/net/ip.h
		return "The lock has the kernel ignore every PTB for this route and send without DF, so that routers fragment."
	case t.mtu > t.interfaces:
		return "The kernel believes the tag, not the interface, and sends packets that are too big for the link."
	case t.severity() == Info:
		return "No packet by this route is larger than the tag: right for the Internet, whose MTU is 1500, beside a network of one's own with a larger one."
	default:
		return "No packet by this route is larger than the tag, though the interface carries more; tunnels that need more fail."
	}
}

// whoTags says where a tag is to be mended that comes back.
func whoTags(r host.FIBRoute) string {
	if r.Origin == host.OriginRouterAdvertisement {
		return " A router advertises it: take the MTU option out of its advertisements."
	}
	return ""
}

// taggedPrefixes is what is said of routes with the same tag that are no default
// routes.
func taggedPrefixes(t tag, routes []host.FIBRoute) Finding {
	f := Finding{
		Severity: Info,
		Subject:  listOf(routes, routeName),
		Read:     fmt.Sprintf("routing tables: %v; routes with it: %d", t, len(routes)),
		Why:      t.why(),
	}
	if len(routes) == 1 {
		f.Mend = untag(routes[0])
	}
	return f
}

// untag is the command that takes the tag off and leaves all else of the route as
// it is; empty where that cannot be done here. The tag is set to 0, for where only
// it is left out, routes by a nexthop object keep it (fib_find_info_nh in
// net/ipv4/fib_semantics.c).
func untag(r host.FIBRoute) string {
	if r.Origin == host.OriginRouterAdvertisement {
		return ""
	}
	const clear = `s/ mtu \(lock \)*[0-9]*/ mtu 0/`
	edit := "sed '" + clear + "'"
	if r.Object != 0 {
		// What follows the object's id is what it stands for, and may not be given.
		edit = "sed -n '1{s/ via [^ ]* dev [^ ]*//;" + clear + ";p}'"
	}
	ip, key := ipCommand(r.Destination.Addr()), routeKey(r)
	return fmt.Sprintf("%s route change %s $(%s route show %s %s | %s)", ip, key, ip, destination(r.Destination), key, edit)
}

// destination is a prefix in the words of ip route.
func destination(p netip.Prefix) string {
	if isDefault(p) {
		return "default"
	}
	return p.String()
}
