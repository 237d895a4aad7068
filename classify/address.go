package classify

import (
	"encoding/binary"
	"net/netip"
)

// The addresses of packets are judged as raw bytes: a router forwards only
// what goes from one unicast address to another, so neither a PTB nor its
// quote can name anything else. The kernel drops such outer sources as
// martians, but most of them only after the hook, and a relay's copy may come in
// by a way where it does not look.

// forwardable4 tells whether a router forwards from and to this IPv4 address:
// not 0.0.0.0/8, loopback, multicast or limited broadcast (RFC 1122 §3.2.1.3,
// RFC 1812 §5.3.7).
func forwardable4(b []byte) bool {
	a := binary.BigEndian.Uint32(b)
	switch {
	case a>>24 == 0, a>>24 == 127, a>>28 == 0xe, a == 0xffffffff:
		return false
	}
	return true
}

// forwardable6 tells whether a router forwards from and to this IPv6 address:
// not multicast, unspecified, loopback (RFC 4291 §2.5.2, §2.5.3, §2.7), nor
// v4-mapped, which stands for IPv4 inside of a host only (§2.5.5.2) and which a
// [Flow] could not tell from IPv4.
func forwardable6(b []byte) bool {
	hi, lo := binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
	switch {
	case b[0] == 0xff, hi == 0 && lo <= 1, hi == 0 && lo>>32 == 0xffff:
		return false
	}
	return true
}

func addr4(b []byte) netip.Addr { return netip.AddrFrom4([4]byte(b)) }

func addr16(b []byte) netip.Addr { return netip.AddrFrom16([16]byte(b)) }
