package classify

import (
	"encoding/binary"
	"net/netip"
)

// Message is a decoded packet. Fields that the decoder did not reach before
// it refused the packet are zero. All slices alias the input.
type Message struct {
	// Packet is the whole IP packet; bytes beyond the IP length are cut. With
	// verdict [Truncated] it is what there is of it, with [NotIP] nil.
	Packet []byte
	// ICMP is the end of Packet from the ICMP header on. Its first 8 bytes are
	// the ICMP header, the rest is the quote and what RFC 4884 appends.
	ICMP []byte
	// Family is set with every verdict but [NotIP], as are Router and VIP.
	Family Family
	// Router is the outer source.
	Router netip.Addr
	// VIP is the outer destination.
	VIP netip.Addr
	// QuoteSource is the source of the quoted packet.
	QuoteSource netip.Addr
	// QuoteLength is the total length in bytes that the quote claims: IPv4's
	// total length, IPv6's payload length and 40. It is 0 where the field is
	// 0, as in jumbograms (RFC 2675) and BIG TCP packets.
	QuoteLength uint32
	// MTU is the next-hop MTU.
	MTU MTU
	// Flow is what the quote names: its source as VIP, its destination as
	// client. Behind a routing header with segments left the destination is
	// the next waypoint, as the kernel reads it too (tcp_v6_err).
	Flow Flow
}

// IsICMP reports whether the packet is ICMP, in IPv6 ICMPv6, as far as its headers
// can be seen: of a fragment and of a truncated packet too.
func (m *Message) IsICMP() bool {
	if m.Family == IPv6 {
		return walkIPv6(m.Packet).upper == protocolICMPv6
	}
	return m.Family == IPv4 && Protocol(m.Packet[9]) == protocolICMP
}

// Key returns flow and next-hop MTU, packed.
func (m *Message) Key() Key {
	var k Key
	*(*Flow)(k[:]) = m.Flow
	binary.BigEndian.PutUint32(k[flowSize:], uint32(m.MTU))
	return k
}
