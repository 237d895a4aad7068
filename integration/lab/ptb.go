//go:build linux

package lab

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Flow is one flow of the lab's load, as a PTB's quote names it.
type Flow struct {
	Protocol uint8 // IP protocol number
	VIP      netip.AddrPort
	Client   netip.AddrPort
}

// Family is the flow's IP version.
func (f Flow) Family() Family { return FamilyOf(f.Client.Addr()) }

// String is "tcp 192.0.2.1:443 > 203.0.113.1:20000".
func (f Flow) String() string {
	name := fmt.Sprintf("protocol %d", f.Protocol)
	switch f.Protocol {
	case unix.IPPROTO_TCP:
		name = "tcp"
	case unix.IPPROTO_UDP:
		name = "udp"
	}
	return fmt.Sprintf("%s %v > %v", name, f.VIP, f.Client)
}

// PTB is what the lab needs to know of one.
type PTB struct {
	Flow   Flow       // of the quote
	Router netip.Addr // outer source
	VIP    netip.Addr // outer destination
	MTU    int        // next-hop MTU, bytes
	To     [6]byte    // destination MAC
	From   [6]byte    // source MAC
	Frame  Frame      // the whole
}

// ParsePTB reads a frame that holds a PTB without IPv6 extension headers.
func ParsePTB(f Frame) (PTB, bool) {
	if len(f.Data) < etherHeader {
		return PTB{}, false
	}
	p := PTB{Frame: f, To: [6]byte(f.Data[0:6]), From: [6]byte(f.Data[6:12])}
	packet := f.Data[etherHeader:]
	var ok bool
	switch binary.BigEndian.Uint16(f.Data[12:]) {
	case etherTypeIPv4:
		ok = p.parse4(packet)
	case etherTypeIPv6:
		ok = p.parse6(packet)
	}
	return p, ok
}

// PTBs are those among frames, as [ParsePTB] reads them.
func PTBs(frames []Frame) (ptbs []PTB) {
	for _, f := range frames {
		if p, ok := ParsePTB(f); ok {
			ptbs = append(ptbs, p)
		}
	}
	return ptbs
}

// parse4 reads RFC 792's message with RFC 1191's MTU.
func (p *PTB) parse4(b []byte) bool {
	proto, source, destination, icmp, ok := ipv4Header(b)
	if !ok || proto != unix.IPPROTO_ICMP || len(icmp) < 8 || icmp[0] != 3 || icmp[1] != 4 {
		return false
	}
	p.Router, p.VIP = source, destination
	p.MTU = int(binary.BigEndian.Uint16(icmp[6:]))
	proto, source, destination, ports, ok := ipv4Header(icmp[8:])
	return ok && p.setFlow(proto, source, destination, ports)
}

// parse6 reads RFC 4443's message.
func (p *PTB) parse6(b []byte) bool {
	proto, source, destination, icmp, ok := ipv6Fields(b)
	if !ok || proto != unix.IPPROTO_ICMPV6 || len(icmp) < 8 || icmp[0] != 2 {
		return false
	}
	p.Router, p.VIP = source, destination
	p.MTU = int(binary.BigEndian.Uint32(icmp[4:]))
	proto, source, destination, ports, ok := ipv6Fields(icmp[8:])
	return ok && p.setFlow(proto, source, destination, ports)
}

func (p *PTB) setFlow(proto uint8, vip, client netip.Addr, ports []byte) bool {
	if len(ports) < 4 {
		return false
	}
	p.Flow = Flow{
		Protocol: proto,
		VIP:      netip.AddrPortFrom(vip, binary.BigEndian.Uint16(ports)),
		Client:   netip.AddrPortFrom(client, binary.BigEndian.Uint16(ports[2:])),
	}
	return true
}

func ipv4Header(b []byte) (proto uint8, source, destination netip.Addr, rest []byte, ok bool) {
	if len(b) < 20 || b[0]>>4 != 4 {
		return
	}
	length := int(b[0]&0x0f) * 4
	if length < 20 || len(b) < length {
		return
	}
	return b[9], netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20])), b[length:], true
}

func ipv6Fields(b []byte) (proto uint8, source, destination netip.Addr, rest []byte, ok bool) {
	if len(b) < ipv6Header || b[0]>>4 != 6 {
		return
	}
	return b[6], netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40])), b[ipv6Header:], true
}
