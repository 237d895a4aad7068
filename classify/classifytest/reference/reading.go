package reference

import (
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"ptbrelay/classify"
)

// Reading is what a packet says. As in [classify.Message], what was not reached
// before the packet was refused is zero.
type Reading struct {
	Verdict     classify.Verdict
	Family      classify.Family
	Router, VIP netip.Addr
	QuoteSource netip.Addr
	QuoteLength int // total, bytes; 0: not told
	MTU         uint32
	Flow        classify.Flow
	// GaveUp is gopacket's reason to read no further; nil: it read all.
	GaveUp error
	// Headers is how long the longer chain of extension headers is.
	Headers int
}

// Read judges a packet, which starts at its IP header, under the policy of
// [ptbrelay/classify/classifytest.Policy].
func Read(packet []byte) Reading {
	var r Reading
	r.Verdict = classify.NotIP
	if len(packet) == 0 {
		return r
	}
	switch packet[0] >> 4 {
	case 4:
		r.readIPv4(packet)
	case 6:
		r.readIPv6(packet)
	}
	if r.Verdict == classify.Eligible {
		r.Verdict = r.policy()
	}
	return r
}

// gaveUp notes why gopacket cannot go on.
func (r *Reading) gaveUp(err error, v classify.Verdict) classify.Verdict {
	r.GaveUp = err
	return v
}

// transport reads the ports: from gopacket, or, for it does not read headers
// that are cut, from the first four bytes, where the four protocols have them.
func (r *Reading) transport(p layers.IPProtocol, from, to netip.Addr, l4 []byte) {
	ports := [2]uint16{}
	switch p {
	case layers.IPProtocolTCP, layers.IPProtocolUDP, layers.IPProtocolSCTP:
		ports = portsOf(p, l4)
	case layers.IPProtocol(classify.DCCP): // RFC 4340 §5.1
		ports = firstPorts(l4)
	}
	r.Flow = classify.MakeFlow(classify.Protocol(p), netip.AddrPortFrom(from, ports[0]), netip.AddrPortFrom(to, ports[1]))
}

func portsOf(p layers.IPProtocol, l4 []byte) [2]uint16 {
	var tcp layers.TCP
	var udp layers.UDP
	var sctp layers.SCTP
	switch {
	case p == layers.IPProtocolTCP && tcp.DecodeFromBytes(l4, gopacket.NilDecodeFeedback) == nil:
		return [2]uint16{uint16(tcp.SrcPort), uint16(tcp.DstPort)}
	case p == layers.IPProtocolUDP && udp.DecodeFromBytes(l4, gopacket.NilDecodeFeedback) == nil:
		return [2]uint16{uint16(udp.SrcPort), uint16(udp.DstPort)}
	case p == layers.IPProtocolSCTP && sctp.DecodeFromBytes(l4, gopacket.NilDecodeFeedback) == nil:
		return [2]uint16{uint16(sctp.SrcPort), uint16(sctp.DstPort)}
	}
	return firstPorts(l4) // RFC 9293 §3.1, RFC 768, RFC 9260 §3.1
}

func firstPorts(l4 []byte) [2]uint16 {
	return [2]uint16{uint16(l4[0])<<8 | uint16(l4[1]), uint16(l4[2])<<8 | uint16(l4[3])}
}

// between tells whether a packet can be on its way between two hosts: RFC 1122
// §3.2.1.3 and RFC 4291 §2 say which addresses never leave one.
func between(addresses ...netip.Addr) bool {
	for _, a := range addresses {
		if a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a.Is4In6() ||
			a.Is4() && (a.As4()[0] == 0 || a.As4() == [4]byte{255, 255, 255, 255}) {
			return false
		}
	}
	return true
}

// address takes what gopacket holds of one.
func address(ip []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a
}

// rightChecksum lets gopacket compute the checksum anew. The two zeros of ones'
// complement are equal (RFC 1071 §1).
func rightChecksum(layer gopacket.SerializableLayer, payload []byte, have uint16, field *uint16) bool {
	buffer := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{ComputeChecksums: true}, layer, gopacket.Payload(payload))
	return err == nil && *field%0xffff == have%0xffff
}
