package admit

import "ptbrelay/classify"

// prefix is the part of an address that one sender can be held to: all of an
// IPv4 address, the /64 of an IPv6 address. The last byte tells them apart.
type prefix [9]byte

func prefixOf(m *classify.Message, address [16]byte) (p prefix) {
	p[8] = byte(m.Family)
	if m.Family == classify.IPv4 {
		copy(p[:], address[12:]) // v4-mapped, RFC 4291 section 2.5.5.2
	} else {
		copy(p[:8], address[:8])
	}
	return p
}
