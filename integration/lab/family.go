//go:build linux

package lab

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// Family is an IP version.
type Family int

// The two families, in the order in which tables show them.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// Families lists both.
func Families() []Family { return []Family{IPv4, IPv6} }

// FamilyOf is the family of an address; IPv4-mapped addresses are not used
// here.
func FamilyOf(a netip.Addr) Family {
	if a.Is4() {
		return IPv4
	}
	return IPv6
}

// String is "ipv4" or "ipv6", as in metrics.
func (f Family) String() string {
	if f == IPv4 {
		return "ipv4"
	}
	return "ipv6"
}

// af is the address family number of the socket interface.
func (f Family) af() int {
	if f == IPv4 {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// network is what package net calls protocol proto over this family.
func (f Family) network(proto string) string {
	if f == IPv4 {
		return proto + "4"
	}
	return proto + "6"
}
