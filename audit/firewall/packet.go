package firewall

// packet is what of a PTB no rule changes but by rewriting it.
type packet struct {
	ipv6     bool
	entrance entrance
}

// The protocol numbers and the types of PTBs.
const (
	protocolICMP   = 1
	protocolICMPv6 = 58
	typeICMP       = 3 // destination unreachable,
	codeICMP       = 4 // fragmentation needed
	typeICMPv6     = 2 // packet too big
	codeICMPv6     = 0
)

func (p packet) protocol() byte {
	if p.ipv6 {
		return protocolICMPv6
	}
	return protocolICMP
}

// icmp is the type and code.
func (p packet) icmp() (kind, code byte) {
	if p.ipv6 {
		return typeICMPv6, codeICMPv6
	}
	return typeICMP, codeICMP
}

// layer is a header that payload expressions count from (enum nft_payload_bases).
type layer uint32

const (
	layerLink layer = iota
	layerNetwork
	layerTransport
)

// header is what is known of one of the packet's headers.
func (p packet) header(l layer) word {
	switch {
	case l == layerNetwork && p.ipv6:
		return headerIPv6()
	case l == layerNetwork:
		return headerIPv4()
	case l == layerTransport:
		return constant(p.icmp())
	default:
		return nil
	}
}

func headerIPv4() word {
	h := unknown(20)
	h[0] = octet{value: 0x40, known: 0xf0}
	h[6] = octet{known: 0xbf} // whole: nothing but "don't fragment" may be set
	h[7] = octet{known: 0xff}
	h[9] = octet{value: protocolICMP, known: 0xff}
	copy(h[12:], sourceIPv4.word())
	copy(h[16:], destinationIPv4.word())
	return h
}

func headerIPv6() word {
	h := unknown(40)
	h[0] = octet{value: 0x60, known: 0xf0}
	h[6] = octet{value: protocolICMPv6, known: 0xff}
	copy(h[8:], sourceIPv6.word())
	copy(h[24:], destinationIPv6.word())
	return h
}

// slice is n bytes of a header.
func (p packet) slice(l layer, offset, n int) word {
	w := unknown(n)
	if h := p.header(l); offset < len(h) {
		copy(w, h[offset:])
	}
	return w
}
