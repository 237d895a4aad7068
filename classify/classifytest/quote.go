package classifytest

import (
	"encoding/binary"

	"ptbrelay/classify"
)

// quote builds the start of the packet that did not fit.
func (p PTB) quote() []byte {
	var header []byte
	if p.Family == classify.IPv6 {
		header = p.quoteIPv6()
	} else {
		header = p.quoteIPv4()
	}
	size := p.QuoteBytes
	if size == 0 {
		size = len(header) + 8
	}
	quote := append(header, p.transport()...)
	for i := 0; len(quote) < size; i++ {
		quote = append(quote, byte(i))
	}
	return quote[:size-p.QuoteCut]
}

func (p PTB) quoteIPv4() []byte {
	h := headerIPv4(p.QuoteSource, p.Client, p.Protocol, p.QuoteOptions)
	binary.BigEndian.PutUint16(h[2:], QuoteTotal)
	if p.QuoteLength != nil {
		binary.BigEndian.PutUint16(h[2:], *p.QuoteLength)
	}
	putFragment(h, p.QuoteOffset, p.QuoteMoreFragments)
	h[8] = 1 // what a TTL may be at a router
	setNibbles(h, p.QuoteVersion, p.QuoteHeaderWords)
	binary.BigEndian.PutUint16(h[10:], checksum(h))
	return h
}

func (p PTB) quoteIPv6() []byte {
	h := headerIPv6(p.QuoteSource, p.Client, p.Protocol, p.QuoteExtensions)
	binary.BigEndian.PutUint16(h[4:], QuoteTotal-40)
	if p.QuoteLength != nil {
		binary.BigEndian.PutUint16(h[4:], *p.QuoteLength)
	}
	h[7] = 1
	setNibbles(h, p.QuoteVersion, nil)
	return h
}

func (p PTB) hasPorts() bool {
	switch p.Protocol {
	case classify.TCP, classify.UDP, classify.SCTP, classify.DCCP:
		return true
	}
	return false
}

// transport builds the quoted L4 header. Its checksum covers bytes that no
// quote has, so it is any number.
func (p PTB) transport() []byte {
	ports := binary.BigEndian.AppendUint16(nil, p.VIPPort)
	ports = binary.BigEndian.AppendUint16(ports, p.ClientPort)
	switch p.Protocol {
	case classify.TCP: // RFC 9293 §3.1: ACK, window 512
		h := binary.BigEndian.AppendUint32(ports, p.Sequence)
		h = append(h, 0x50, 0x60, 0x70, 0x80, 5<<4, 0x10, 2, 0)
		return append(h, 0xbe, 0xef, 0, 0)
	case classify.UDP: // RFC 768
		return append(ports, 1480>>8, 1480&0xff, 0xbe, 0xef)
	case classify.SCTP: // RFC 9260 §3: verification tag, checksum
		return append(ports, 1, 2, 3, 4, 0xbe, 0xef, 0xbe, 0xef)
	case classify.DCCP: // RFC 4340 §5.1: data offset 4, DataAck, 48-bit sequence
		return append(ports, 4, 0, 0xbe, 0xef, 4<<1|1, 0, 0, 1, 0, 0, 0, 2)
	}
	return []byte{0xde, 0xad, 0xbe, 0xef, 0, 1, 0, 2}
}
