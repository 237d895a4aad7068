package classify

import "encoding/binary"

const (
	ipv4HeaderLen    = 20     // RFC 791 §3.1, without options
	ipv4FragmentBits = 0x3fff // more fragments and offset
	ipv4OffsetBits   = 0x1fff // offset in units of 8 bytes

	icmpUnreachable = 3 // RFC 792
	icmpNeedsFrag   = 4 // "fragmentation needed and DF set"
)

// decodeIPv4 judges an IPv4 packet of at least one byte. Options are passed
// over by the header length; what is in them is the receiver's affair.
func (m *Message) decodeIPv4(packet []byte) Verdict {
	if len(packet) < ipv4HeaderLen {
		return NotIP
	}
	header := int(packet[0]&0x0f) * 4
	total := int(be16(packet[2:]))
	if header < ipv4HeaderLen || len(packet) < header || total < header {
		return NotIP
	}
	m.Family = IPv4
	m.Router, m.VIP = addr4(packet[12:]), addr4(packet[16:])
	m.Packet = packet
	if len(packet) < total {
		return Truncated
	}
	packet = packet[:total:total]
	m.Packet = packet
	if be16(packet[6:])&ipv4FragmentBits != 0 {
		return Fragment
	}
	if Protocol(packet[9]) != protocolICMP {
		return NotPTB
	}
	return m.decodeICMP(packet, packet[header:])
}

// decodeICMP judges an ICMP message. The next-hop MTU is the low half of the
// second word (RFC 1191 §4). RFC 4884 puts the quote's length into the second
// byte of that word. It is not read: a lawful one is at least 128 bytes (§3),
// more than the 68 that the longest header and 8 bytes need, and the kernel
// ignores any other (ip_icmp_error_rfc4884).
func (m *Message) decodeICMP(packet, icmp []byte) Verdict {
	if len(icmp) < icmpHeaderLen || icmp[0] != icmpUnreachable || icmp[1] != icmpNeedsFrag {
		return NotPTB
	}
	if !forwardable4(packet[12:]) {
		return NotPTB
	}
	m.ICMP = icmp
	if Checksum(icmp) != 0 {
		return BadChecksum
	}
	m.MTU = MTU(be16(icmp[6:]))
	return m.decodeQuoteIPv4(icmp[icmpHeaderLen:])
}

// decodeQuoteIPv4 judges the quote of an IPv4 PTB. Routers rewrite TTL, length
// and checksum of what they quote, so none of them is judged. An
// authentication header is not looked behind, here and in icmp_unreach of the
// kernel: its quote keeps protocol 51 and has no ports.
func (m *Message) decodeQuoteIPv4(quote []byte) Verdict {
	if len(quote) < ipv4HeaderLen+quotedL4Len {
		return QuoteTruncated
	}
	header := int(quote[0]&0x0f) * 4
	if quote[0]>>4 != 4 || header < ipv4HeaderLen {
		return QuoteInvalid
	}
	m.QuoteSource = addr4(quote[12:])
	m.QuoteLength = uint32(be16(quote[2:]))
	if len(quote) < header+quotedL4Len {
		return QuoteTruncated
	}
	if !forwardable4(quote[12:]) || !forwardable4(quote[16:]) {
		return QuoteInvalid
	}
	if be16(quote[6:])&ipv4OffsetBits != 0 {
		return QuoteFragment
	}
	mapIPv4(m.Flow[flowVIP:], quote[12:])
	mapIPv4(m.Flow[flowClient:], quote[16:])
	m.setPorts(Protocol(quote[9]), quote[header:])
	return Eligible
}

// mapIPv4 writes the IPv4 address at from as a v4-mapped one of 16 bytes into
// to, whose first 10 bytes are zero already.
func mapIPv4(to, from []byte) {
	binary.BigEndian.PutUint16(to[10:], 0xffff)
	*(*[4]byte)(to[12:]) = [4]byte(from)
}
