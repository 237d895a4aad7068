package transport

import (
	"encoding/binary"

	"ptbrelay/classify"
)

// cut returns the packet of an eligible message if it has at most [MaxPacket]
// bytes, or else its first MaxPacket bytes in dst, made a right packet again:
// lengths, checksums, and no length of the original datagram (RFC 4884 §4.1), for
// what lay behind it is cut off. dst is overwritten; with room for MaxPacket bytes
// there it does not allocate.
//
// What is left still names the flow, unless the packet is a made-up one whose
// IPv6 extension headers fill it: then receivers give it the verdict of what is
// left.
func cut(dst []byte, m *classify.Message) []byte {
	if len(m.Packet) <= MaxPacket {
		return m.Packet
	}
	packet := append(dst[:0], m.Packet[:MaxPacket]...)
	at := len(m.Packet) - len(m.ICMP)
	if m.Family == classify.IPv6 {
		mendIPv6(packet, at)
	} else {
		mendIPv4(packet, at)
	}
	return packet
}

// mendIPv4 mends a cut IPv4 packet whose ICMP message begins at that offset.
func mendIPv4(packet []byte, at int) {
	header, icmp := packet[:at], packet[at:]
	binary.BigEndian.PutUint16(header[2:], uint16(len(packet)))
	header[10], header[11] = 0, 0
	binary.BigEndian.PutUint16(header[10:], classify.Checksum(header))
	icmp[5] = 0
	icmp[2], icmp[3] = 0, 0
	binary.BigEndian.PutUint16(icmp[2:], classify.Checksum(icmp))
}

// mendIPv6 does so for IPv6. ICMPv6 type 2 has no length of the original
// datagram: the whole word is the MTU (RFC 4443 §3.2).
func mendIPv6(packet []byte, at int) {
	const headerLen, icmpHeaderLen = 40, 8
	binary.BigEndian.PutUint16(packet[4:], uint16(len(packet)-headerLen))
	if at > len(packet)-icmpHeaderLen {
		return
	}
	icmp := packet[at:]
	icmp[2], icmp[3] = 0, 0
	binary.BigEndian.PutUint16(icmp[2:], classify.ChecksumICMPv6(packet, icmp))
}
