package classifytest

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"ptbrelay/classify"
)

// PTB describes one packet. The zero value is a right IPv4 PTB of 56 bytes
// about a TCP flow; each field changes one thing. A zero field means the
// default; what has a meaning when zero is a pointer, as in
// PTB{Code: new(uint8(0))}.
type PTB struct {
	Family classify.Family // IPv4 unless [classify.IPv6]

	// The addresses; defaults by family.
	Router, VIP, Client netip.Addr

	// What the PTB says.
	MTU     classify.MTU // default 1400
	ZeroMTU bool         // the MTU is 0, as of routers older than RFC 1191
	Type    *uint8       // ICMP type
	Code    *uint8       // ICMP code

	// The outer header. Lengths are right unless said otherwise.
	Version        *uint8            // version nibble
	HeaderWords    *uint8            // IPv4 header length field, in 4 bytes
	Length         *uint16           // IPv4 total length, IPv6 payload length
	FragmentOffset uint16            // IPv4, in 8 bytes; for IPv6 see [Fragment]
	MoreFragments  bool              // IPv4
	Options        []byte            // IPv4, padded to 4 bytes, at most 40
	Extensions     []Extension       // IPv6
	Upper          classify.Protocol // protocol instead of ICMP or ICMPv6

	// The quoted packet: QuoteSource to Client.
	QuoteSource         netip.Addr        // default VIP
	Protocol            classify.Protocol // default TCP
	VIPPort, ClientPort uint16            // defaults 443, 50000
	Sequence            uint32            // of a quoted TCP segment
	QuoteVersion        *uint8            // version nibble
	QuoteHeaderWords    *uint8            // IPv4 header length field, in 4 bytes
	QuoteLength         *uint16           // IPv4 total length, IPv6 payload length; default: 1500 bytes in total
	QuoteOffset         uint16            // IPv4 fragment offset, in 8 bytes
	QuoteMoreFragments  bool              // IPv4
	QuoteOptions        []byte            // IPv4
	QuoteExtensions     []Extension       // IPv6

	// QuoteBytes is how much of the quoted packet the PTB carries; the default
	// is its IP header(s) and 8 bytes. QuoteCut takes bytes off its end.
	QuoteBytes, QuoteCut int
	// ExtensionObjects are appended as RFC 4884 §7 lays them out, behind a
	// quote padded to 128 bytes. ICMPv6 type 2 has no length field for them.
	ExtensionObjects []byte

	// What is done to the finished packet, in this order.
	BreakHeaderChecksum bool // IPv4 header checksum
	BreakChecksum       bool // ICMP checksum
	Padding             int  // bytes appended beyond the IP length, all 0xa5
	Cut                 int  // bytes taken off the end, the IP length unchanged
}

// Bytes builds the packet, which starts at its IP header. What makes no sense,
// such as a cut longer than the packet, panics: the caller is a test.
func (p PTB) Bytes() []byte {
	p = p.withDefaults()
	icmp := p.icmp()
	packet := p.outer(icmp)
	if p.BreakHeaderChecksum {
		packet[10] ^= 0x55
	}
	if p.BreakChecksum {
		packet[len(packet)-len(icmp)+2] ^= 0x55
	}
	return p.padAndCut(packet)
}

func (p PTB) padAndCut(packet []byte) []byte {
	for range p.Padding {
		packet = append(packet, 0xa5)
	}
	return slices.Clip(packet[:len(packet)-p.Cut])
}

// Flow is the flow that a right packet's quote names.
func (p PTB) Flow() classify.Flow {
	p = p.withDefaults()
	vip := netip.AddrPortFrom(p.QuoteSource, p.VIPPort)
	client := netip.AddrPortFrom(p.Client, p.ClientPort)
	return classify.MakeFlow(p.Protocol, vip, client)
}

func (p PTB) withDefaults() PTB {
	vip, client, router := VIP4, Client4, Router4
	icmp := protocolICMP
	if p.Family == classify.IPv6 {
		vip, client, router = VIP6, Client6, Router6
		icmp = protocolICMPv6
	} else {
		p.Family = classify.IPv4
	}
	setDefault(&p.VIP, vip)
	setDefault(&p.Client, client)
	setDefault(&p.Router, router)
	setDefault(&p.QuoteSource, p.VIP)
	setDefault(&p.Upper, icmp)
	setDefault(&p.Protocol, classify.TCP)
	if p.hasPorts() {
		setDefault(&p.VIPPort, VIPPort)
		setDefault(&p.ClientPort, ClientPort)
	}
	setDefault(&p.Sequence, 0x10203040)
	if !p.ZeroMTU {
		setDefault(&p.MTU, MTU)
	}
	return p
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// icmp builds the ICMP message with its checksum.
func (p PTB) icmp() []byte {
	m := make([]byte, 8, 8+2048)
	m[0], m[1] = 3, 4 // RFC 792, RFC 1191
	if p.Family == classify.IPv6 {
		m[0], m[1] = 2, 0 // RFC 4443 §3.2
	}
	if p.Type != nil {
		m[0] = *p.Type
	}
	if p.Code != nil {
		m[1] = *p.Code
	}
	binary.BigEndian.PutUint32(m[4:], uint32(p.MTU))
	m = append(m, p.quote()...)
	if len(p.ExtensionObjects) > 0 {
		m = p.appendExtensionStructure(m)
	}
	pseudo := []byte(nil)
	if p.Family == classify.IPv6 {
		pseudo = pseudoHeader(p.Router, p.VIP, len(m))
	}
	binary.BigEndian.PutUint16(m[2:], checksum(pseudo, m))
	return m
}

// appendExtensionStructure pads the quote to 128 bytes and a whole number of
// words, says so in IPv4's length byte (RFC 4884 §4.1), and appends the
// extension header, version 2, with its checksum (§7).
func (p PTB) appendExtensionStructure(m []byte) []byte {
	for len(m) < 8+128 || len(m)%8 != 0 {
		m = append(m, 0)
	}
	if p.Family == classify.IPv4 {
		m[5] = uint8((len(m) - 8) / 4)
	}
	extension := append([]byte{0x20, 0, 0, 0}, p.ExtensionObjects...)
	binary.BigEndian.PutUint16(extension[2:], checksum(extension))
	return append(m, extension...)
}

// MPLSLabel is an extension object for [PTB.ExtensionObjects]: an MPLS label
// stack of one entry (RFC 4950), what routers on the Internet append most.
func MPLSLabel() []byte {
	return []byte{0, 8, 1, 1, 0x05, 0xdc, 0x01, 0x01}
}
