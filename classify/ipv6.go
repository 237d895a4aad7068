package classify

import "encoding/binary"

const (
	ipv6HeaderLen    = 40     // RFC 8200 §3
	ipv6FragmentBits = 0xfff9 // offset in units of 8 bytes, and M (RFC 8200 §4.5)
	ipv6OffsetBits   = 0xfff8

	icmpv6TooBig = 2 // RFC 4443 §3.2
)

// decodeIPv6 judges an IPv6 packet of at least one byte.
//
// A payload length of 0 means 40 bytes, also where a hop-by-hop header with a
// jumbo option (RFC 2675) follows: a PTB is no larger than 1280 bytes (RFC
// 4443 §3.2), so a jumbogram is none, and cut to its header it is [NotPTB].
//
// An atomic fragment (RFC 6946) is a whole packet and judged on.
func (m *Message) decodeIPv6(packet []byte) Verdict {
	if len(packet) < ipv6HeaderLen {
		return NotIP
	}
	m.Family = IPv6
	m.Router, m.VIP = addr16(packet[8:]), addr16(packet[24:])
	m.Packet = packet
	total := ipv6HeaderLen + int(be16(packet[4:]))
	if len(packet) < total {
		return Truncated
	}
	packet = packet[:total:total]
	m.Packet = packet
	c := walkIPv6(packet)
	switch {
	case c.fragment != 0:
		return Fragment
	case c.end != chainComplete, c.segmentsLeft, c.upper != protocolICMPv6:
		return NotPTB
	}
	return m.decodeICMPv6(packet, packet[c.offset:])
}

// decodeICMPv6 judges an ICMPv6 message of at least 8 bytes. The next-hop MTU
// is the second word. Code is "set to zero by the originator and ignored by the
// receiver" (RFC 4443 §3.2), and the kernel does ignore it.
func (m *Message) decodeICMPv6(packet, icmp []byte) Verdict {
	if icmp[0] != icmpv6TooBig || !forwardable6(packet[8:]) {
		return NotPTB
	}
	m.ICMP = icmp
	if ChecksumICMPv6(packet, icmp) != 0 {
		return BadChecksum
	}
	m.MTU = MTU(binary.BigEndian.Uint32(icmp[4:]))
	return m.decodeQuoteIPv6(icmp[icmpHeaderLen:])
}

// decodeQuoteIPv6 judges the quote of an IPv6 PTB. A chain of extension headers
// that the router's limit of 1280 bytes cuts off hides the ports: such a quote
// is truncated. ESP and "no next header" end the chain; they have no ports.
func (m *Message) decodeQuoteIPv6(quote []byte) Verdict {
	if len(quote) < ipv6HeaderLen+quotedL4Len {
		return QuoteTruncated
	}
	if quote[0]>>4 != 6 {
		return QuoteInvalid
	}
	m.QuoteSource = addr16(quote[8:])
	if payload := be16(quote[4:]); payload != 0 {
		m.QuoteLength = ipv6HeaderLen + uint32(payload)
	}
	c := walkIPv6(quote)
	switch {
	case c.end == chainCut:
		return QuoteTruncated
	case c.end == chainMalformed, !forwardable6(quote[8:]), !forwardable6(quote[24:]):
		return QuoteInvalid
	case c.fragment&ipv6OffsetBits != 0:
		return QuoteFragment
	}
	*(*[32]byte)(m.Flow[flowVIP:]) = [32]byte(quote[8:])
	m.setPorts(c.upper, quote[c.offset:])
	return Eligible
}
