package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// ParseVIP reads an address (a prefix of /32 or /128) or a prefix. A zone, an
// IPv4 address written as IPv6 and set host bits are refused: each of them
// would cover something else than it seems to.
func ParseVIP(text string) (netip.Prefix, error) {
	if strings.Contains(text, "%") {
		return netip.Prefix{}, fmt.Errorf("%s has a zone; a VIP has none, write the address alone", quote(text))
	}
	var p netip.Prefix
	if strings.Contains(text, "/") {
		parsed, err := netip.ParsePrefix(text)
		if err != nil {
			return netip.Prefix{}, fmt.Errorf("%s is not a prefix; write it as 192.0.2.0/24 or 2001:db8::/64", quote(text))
		}
		p = parsed
	} else {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return netip.Prefix{}, fmt.Errorf("%s is not an address or prefix; write it as 192.0.2.1 or 2001:db8::/64", quote(text))
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	return p, checkVIP(p)
}

// checkVIP returns why p cannot be a VIP, or nil.
func checkVIP(p netip.Prefix) error {
	switch a := p.Addr(); {
	case !p.IsValid():
		return fmt.Errorf("not a prefix; write it as 192.0.2.0/24 or 2001:db8::/64")
	case a.Is4In6() && p.Bits() >= 96:
		mean := netip.PrefixFrom(a.Unmap(), p.Bits()-96).Masked()
		return fmt.Errorf("%s is IPv4 written as IPv6; did you mean %s", p, vipText(mean))
	case a.Is4In6():
		return fmt.Errorf("%s is IPv4 written as IPv6; write it as 192.0.2.0/24", p)
	case p != p.Masked():
		return fmt.Errorf("%s has host bits set; did you mean %s, or %s alone", p, p.Masked(), a)
	}
	return nil
}

// vipText writes a prefix of one address as that address.
func vipText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
