package check

import (
	"cmp"
	"fmt"
	"net/netip"
)

// vipSubnetRouterAnycast looks for VIPs, and addresses of interfaces, that are the
// first of a prefix on a link: that one means all routers of the link (RFC 4291
// section 2.6.1). Links of two addresses have none (RFC 6164). VIPs that are wider
// than one address are passed over.
func vipSubnetRouterAnycast(f *Facts) []Finding {
	vips, err := f.vips()
	if err = cmp.Or(err, f.Routes.Err, f.Links.Err); err != nil {
		return []Finding{unknown(err, "Whether a router takes a VIP for anycast of its own, and sends no PTB to it, is not known.")}
	}
	anycast := f.subnetRouters()
	var found []Finding
	for _, a := range f.ownAddresses(vips) {
		p, ok := anycast[a]
		if !ok {
			continue
		}
		found = append(found, Finding{
			Severity: Warning,
			Subject:  a.String(),
			Read:     fmt.Sprintf("addresses: it is the first of %v, which is on a link", p),
			Why:      "It means every router of that link, so no router there sends a PTB to it: connections that need its PTBs hang. Use another address.",
		})
	}
	return orOK(found, "addresses: neither they nor the VIPs are the first of an IPv6 prefix on a link")
}

// subnetRouters are the prefixes on links by their first address, as a router has
// them (ipv6_anycast_destination in include/net/ip6_route.h).
func (f *Facts) subnetRouters() map[netip.Addr]netip.Prefix {
	first := map[netip.Addr]netip.Prefix{}
	for _, a := range f.Routes.Value.Addresses {
		l, ok := f.link(a.Interface)
		if p := a.Prefix.Masked(); ok && l.Up && !l.Loopback && p.Addr().Is6() && p.Bits() < 127 {
			first[p.Addr()] = p
		}
	}
	return first
}

// ownAddresses are the VIPs that are single addresses, then those of interfaces,
// each once.
func (f *Facts) ownAddresses(vips []netip.Prefix) []netip.Addr {
	var own []netip.Addr
	seen := map[netip.Addr]bool{}
	add := func(a netip.Addr) {
		if !seen[a] {
			seen[a] = true
			own = append(own, a)
		}
	}
	for _, v := range vips {
		if v.IsSingleIP() {
			add(v.Addr())
		}
	}
	for _, a := range f.Routes.Value.Addresses {
		add(a.Prefix.Addr())
	}
	return own
}
