package deliver

import (
	"encoding/binary"

	"ptbrelay/classify"
)

const (
	headerIPv4 = 20
	headerIPv6 = 40
	hopLimit   = 64

	protocolICMP   = 1
	protocolICMPv6 = 58
)

// tooBig builds a PTB from the client itself about a packet of the flow, which is
// of UDP, of so many bytes.
func tooBig(flow classify.Flow, length uint16, mtu classify.MTU) []byte {
	if flow.VIP().Is4() {
		return tooBigIPv4(flow, length, mtu)
	}
	return tooBigIPv6(flow, length, mtu)
}

// tooBigIPv4 is RFC 792's message with RFC 1191's MTU.
func tooBigIPv4(flow classify.Flow, length uint16, mtu classify.MTU) []byte {
	vip, client := flow.VIP().As4(), flow.Client().As4()
	icmp := append([]byte{3, 4, 0, 0, 0, 0}, byte(mtu>>8), byte(mtu))
	icmp = appendIPv4(icmp, vip, client, byte(classify.UDP), length)
	icmp = appendUDP(icmp, flow, length-headerIPv4)
	binary.BigEndian.PutUint16(icmp[2:], classify.Checksum(icmp))
	packet := appendIPv4(nil, client, vip, protocolICMP, uint16(headerIPv4+len(icmp)))
	return append(packet, icmp...)
}

// tooBigIPv6 is RFC 4443 §3.2.
func tooBigIPv6(flow classify.Flow, length uint16, mtu classify.MTU) []byte {
	vip, client := flow.VIP().As16(), flow.Client().As16()
	icmp := binary.BigEndian.AppendUint32([]byte{2, 0, 0, 0}, uint32(mtu))
	icmp = appendIPv6(icmp, vip, client, byte(classify.UDP), length-headerIPv6)
	icmp = appendUDP(icmp, flow, length-headerIPv6)
	packet := appendIPv6(nil, client, vip, protocolICMPv6, uint16(len(icmp)))
	binary.BigEndian.PutUint16(icmp[2:], classify.ChecksumICMPv6(packet, icmp))
	return append(packet, icmp...)
}

// appendIPv4 appends a header (RFC 791 §3.1) with DF.
func appendIPv4(b []byte, from, to [4]byte, protocol byte, length uint16) []byte {
	h := [headerIPv4]byte{0: 4<<4 | headerIPv4/4, 6: 0x40, 8: hopLimit, 9: protocol}
	binary.BigEndian.PutUint16(h[2:], length)
	copy(h[12:], from[:])
	copy(h[16:], to[:])
	binary.BigEndian.PutUint16(h[10:], classify.Checksum(h[:]))
	return append(b, h[:]...)
}

// appendIPv6 appends a header (RFC 8200 §3).
func appendIPv6(b []byte, from, to [16]byte, next byte, payload uint16) []byte {
	h := [headerIPv6]byte{0: 6 << 4, 6: next, 7: hopLimit}
	binary.BigEndian.PutUint16(h[4:], payload)
	copy(h[8:], from[:])
	copy(h[24:], to[:])
	return append(b, h[:]...)
}

// appendUDP appends a header (RFC 768) without the checksum, which nobody can
// check who has a quote only.
func appendUDP(b []byte, flow classify.Flow, length uint16) []byte {
	b = binary.BigEndian.AppendUint16(b, flow.VIPPort())
	b = binary.BigEndian.AppendUint16(b, flow.ClientPort())
	b = binary.BigEndian.AppendUint16(b, length)
	return append(b, 0, 0)
}
