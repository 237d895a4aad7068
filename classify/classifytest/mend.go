package classifytest

import (
	"encoding/binary"
	"net/netip"
)

// MendLength has the IP header of a packet say how long the packet is. Bytes
// that are no IP header are left alone, here and by the other menders.
func MendLength(packet []byte) {
	switch version(packet) {
	case 4:
		binary.BigEndian.PutUint16(packet[2:], uint16(len(packet)))
	case 6:
		binary.BigEndian.PutUint16(packet[4:], uint16(len(packet)-40))
	}
}

// MendHeader makes the checksum of an IPv4 header right, without which no
// kernel looks any further.
func MendHeader(packet []byte) {
	if version(packet) != 4 {
		return
	}
	header := packet[:min(int(packet[0]&0x0f)*4, len(packet))]
	if len(header) < 20 {
		return
	}
	header[10], header[11] = 0, 0
	binary.BigEndian.PutUint16(header[10:], checksum(header))
}

// MendICMP makes the checksum of the ICMP or ICMPv6 message right that a packet
// holds by its headers.
func MendICMP(packet []byte) {
	var icmp, pseudo []byte
	switch version(packet) {
	case 4:
		if header := int(packet[0]&0x0f) * 4; header >= 20 && header < len(packet) && packet[9] == byte(protocolICMP) {
			icmp = packet[header:]
		}
	case 6:
		icmp = icmpv6Of(packet)
		from, to := netip.AddrFrom16([16]byte(packet[8:])), netip.AddrFrom16([16]byte(packet[24:]))
		pseudo = pseudoHeader(from, to, len(icmp))
	}
	if len(icmp) < 4 {
		return
	}
	icmp[2], icmp[3] = 0, 0
	binary.BigEndian.PutUint16(icmp[2:], checksum(pseudo, icmp))
}

// version returns 4 or 6 where all of such a header is there, without options.
func version(packet []byte) int {
	switch {
	case len(packet) >= 20 && packet[0]>>4 == 4:
		return 4
	case len(packet) >= 40 && packet[0]>>4 == 6:
		return 6
	}
	return 0
}

// icmpv6Of goes over the extension headers that the builder knows and returns
// the ICMPv6 message behind them; nil: there is none.
func icmpv6Of(packet []byte) []byte {
	next, rest := packet[6], packet[40:]
	for len(rest) >= 8 {
		size := 8 * (int(rest[1]) + 1)
		switch next {
		case byte(protocolICMPv6):
			return rest
		case 0, 43, 60:
		case 44:
			size = 8
		case 51:
			size = 4 * (int(rest[1]) + 2)
		default:
			return nil
		}
		next, rest = rest[0], rest[min(size, len(rest)):]
	}
	return nil
}
