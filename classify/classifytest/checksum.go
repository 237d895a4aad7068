package classifytest

import (
	"encoding/binary"
	"net/netip"
)

// checksum is RFC 1071 §4.1 as it stands there, two bytes a step.
func checksum(parts ...[]byte) uint16 {
	var sum uint32
	for _, b := range parts {
		for len(b) > 1 {
			sum += uint32(b[0])<<8 | uint32(b[1])
			b = b[2:]
		}
		if len(b) > 0 {
			sum += uint32(b[0]) << 8
		}
		for sum>>16 != 0 {
			sum = sum>>16 + sum&0xffff
		}
	}
	return ^uint16(sum)
}

// pseudoHeader is that of RFC 8200 §8.1 for ICMPv6.
func pseudoHeader(from, to netip.Addr, length int) []byte {
	a, b := from.As16(), to.As16()
	h := append(a[:], b[:]...)
	h = binary.BigEndian.AppendUint32(h, uint32(length))
	return append(h, 0, 0, 0, byte(protocolICMPv6))
}
