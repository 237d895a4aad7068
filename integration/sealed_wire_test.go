package integration

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
	"ptbrelay/relay/transport"
)

// udpPort is the transport's own.
const udpPort = 7690

// datagram is one of the transport on the wire.
type datagram struct {
	from, to netip.AddrPort
	kind     transport.Type
	frame    lab.Frame
}

// copiesLeaving are the datagrams of PTBs that a server's eth0 sent, as a tap there
// recorded them.
func copiesLeaving(frames []lab.Frame) (copies []datagram) {
	for _, f := range frames {
		if d, ok := parseDatagram(f); ok && d.kind == transport.TypePTB && f.Type == lab.PacketOutgoing {
			copies = append(copies, d)
		}
	}
	return copies
}

// parseDatagram reads Ethernet, an IP header without options or extension headers
// (RFC 791, RFC 8200), UDP and the type in the envelope.
func parseDatagram(f lab.Frame) (d datagram, ok bool) {
	const ether, ipv4, ipv6, udp = 14, 20, 40, 8
	header, protocol, source, length := ipv4, 9, 12, 4
	if len(f.Data) > ether && f.Data[ether]>>4 == 6 {
		header, protocol, source, length = ipv6, 6, 8, 16
	}
	if len(f.Data) < ether+header+udp+2 || f.Data[ether+protocol] != unix.IPPROTO_UDP {
		return d, false
	}
	ip, ports := f.Data[ether:], f.Data[ether+header:]
	end := func(at, port int) netip.AddrPort {
		a, _ := netip.AddrFromSlice(ip[at : at+length])
		return netip.AddrPortFrom(a, binary.BigEndian.Uint16(ports[port:]))
	}
	return datagram{
		from: end(source, 0), to: end(source+length, 2),
		kind: transport.Type(ports[udp+1]), frame: f,
	}, true
}

// toward are the IP packets among frames that go to an address, whatever they are.
func toward(frames []lab.Frame, a netip.Addr) (found []lab.Frame) {
	const ether = 14
	etherType, at := uint16(unix.ETH_P_IP), ether+16
	if a.Is6() {
		etherType, at = unix.ETH_P_IPV6, ether+24
	}
	for _, f := range frames {
		if len(f.Data) < at+a.BitLen()/8 || binary.BigEndian.Uint16(f.Data[12:]) != etherType {
			continue
		}
		if to, _ := netip.AddrFromSlice(f.Data[at : at+a.BitLen()/8]); to == a {
			found = append(found, f)
		}
	}
	return found
}
