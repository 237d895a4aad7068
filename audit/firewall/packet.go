package firewall

// packet is what of a packet no rule changes but by rewriting it.
type packet struct {
	ipv6 bool
	// broadcast: in an Ethernet broadcast frame.
	broadcast bool
	entrance  entrance
	segment   *segment // nil: it is a PTB
}

// segment is any packet of a connection, of which less is known than of a PTB.
type segment struct {
	protocol byte // 0: any
	// Of these some bits are known; nil: none.
	source, destination word
	ports               word // both, the source's first
}

// Protocol numbers, and the types of PTBs.
const (
	protocolICMP   = 1
	protocolTCP    = 6
	protocolUDP    = 17
	protocolICMPv6 = 58
	typeICMP       = 3 // destination unreachable,
	codeICMP       = 4 // fragmentation needed
	typeICMPv6     = 2 // packet too big
	codeICMPv6     = 0
)

// protocol is the number of its protocol, a word of one byte.
func (p packet) protocol() word {
	switch {
	case p.segment != nil && p.segment.protocol == 0:
		return unknown(1)
	case p.segment != nil:
		return constant(p.segment.protocol)
	case p.ipv6:
		return constant(protocolICMPv6)
	default:
		return constant(protocolICMP)
	}
}

// icmp is the type and code.
func (p packet) icmp() (kind, code byte) {
	if p.ipv6 {
		return typeICMPv6, codeICMPv6
	}
	return typeICMP, codeICMP
}

// pktType is how the frame was addressed (linux/if_packet.h).
func (p packet) pktType() byte {
	const host, broadcast = 0, 1
	if p.broadcast {
		return broadcast
	}
	return host
}

// layer is a header that payload expressions count from (enum nft_payload_bases).
type layer uint32

const (
	layerLink layer = iota
	layerNetwork
	layerTransport
)

// header is what is known of one of the packet's headers, but for its TOS byte.
func (p packet) header(l layer) word {
	switch {
	case l == layerLink:
		return p.headerEthernet()
	case l == layerNetwork && p.ipv6:
		return p.headerIPv6()
	case l == layerNetwork:
		return p.headerIPv4()
	case l == layerTransport && p.segment == nil:
		return constant(p.icmp())
	case l == layerTransport:
		return p.segment.ports
	default:
		return nil
	}
}

// headerEthernet is the destination: of one host, or all.
func (p packet) headerEthernet() word {
	const group = 0x01
	if p.broadcast {
		return constant(0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	}
	return word{{known: group}}
}

func (p packet) headerIPv4() word {
	h := unknown(20)
	h[0] = octet{value: 0x40, known: 0xf0}
	copy(h[9:], p.protocol())
	if p.segment != nil {
		copy(h[12:], p.segment.source)
		copy(h[16:], p.segment.destination)
		return h
	}
	h[6] = octet{known: 0xbf} // whole: nothing but "don't fragment" may be set
	h[7] = octet{known: 0xff}
	copy(h[12:], sourceIPv4.word())
	copy(h[16:], destinationIPv4.word())
	return h
}

func (p packet) headerIPv6() word {
	h := unknown(40)
	h[0] = octet{value: 0x60, known: 0xf0}
	if p.segment != nil {
		copy(h[8:], p.segment.source)
		copy(h[24:], p.segment.destination)
		return h
	}
	copy(h[6:], p.protocol())
	copy(h[8:], sourceIPv6.word())
	copy(h[24:], destinationIPv6.word())
	return h
}
