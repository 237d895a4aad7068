package classify

import "encoding/binary"

const (
	icmpHeaderLen = 8 // RFC 792, RFC 4443 §2.1, with the word that holds the MTU
	quotedL4Len   = 8 // RFC 792: the quote holds at least 64 bits of the dropped data
)

// Decoder turns packets into messages. The zero value is ready. It reuses its
// one Message and never allocates; it is for one goroutine.
type Decoder struct {
	message Message
}

// Decode judges the structure of one packet, which starts at its IP header.
// The verdict is one of [NotIP] to [QuoteFragment], or [Eligible], which here
// means "sound so far": [Policy.Classify] must judge on. The message is never
// nil, is valid until the next Decode, and aliases packet.
func (d *Decoder) Decode(packet []byte) (*Message, Verdict) {
	m := &d.message
	*m = Message{}
	if len(packet) == 0 {
		return m, NotIP
	}
	switch packet[0] >> 4 {
	case 4:
		return m, m.decodeIPv4(packet)
	case 6:
		return m, m.decodeIPv6(packet)
	}
	return m, NotIP
}

// setPorts completes the flow from the quoted L4 header, of which at least 8
// bytes are there. Other protocols than the four have no ports at this place.
func (m *Message) setPorts(p Protocol, l4 []byte) {
	m.Flow[flowProtocol] = byte(p)
	if p.hasPorts() {
		*(*[4]byte)(m.Flow[flowVIPPort:]) = [4]byte(l4)
	}
}

// be16 reads a field of two bytes in network order.
func be16(b []byte) uint16 { return binary.BigEndian.Uint16(b) }
