package host

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// familyOf is the address family; ok is false for what no packet carries: no
// address, IPv6 that maps IPv4, and addresses with a zone.
func familyOf(a netip.Addr) (family uint8, ok bool) {
	switch {
	case a.Is4():
		return unix.AF_INET, true
	case a.Is6() && !a.Is4In6() && a.Zone() == "":
		return unix.AF_INET6, true
	}
	return 0, false
}

// appendAddress appends the address's 4 or 16 bytes.
func appendAddress(b []byte, a netip.Addr) []byte {
	if a.Is4() {
		v4 := a.As4()
		return append(b, v4[:]...)
	}
	v6 := a.As16()
	return append(b, v6[:]...)
}
