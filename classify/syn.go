package classify

import "net/netip"

// Fields of a TCP header (RFC 9293 §3.1), in bytes.
const (
	tcpHeaderLen = 20 // without options
	tcpFlags     = 13

	tcpFIN, tcpSYN, tcpRST, tcpACK = 0x01, 0x02, 0x04, 0x10
)

// SYN is a segment that opens a TCP connection. It holds no reference to the
// packet.
type SYN struct {
	Family                 Family
	Client, Server         netip.Addr // outer source, outer destination
	ClientPort, ServerPort uint16
	// MSS is the largest segment in bytes, without headers, that the client takes
	// (RFC 9293 §3.7.1). It is 0 where HasMSS is false.
	MSS    uint16
	HasMSS bool
	// Cut says that fewer bytes were captured than the header with its options has:
	// then HasMSS speaks of those before the cut.
	Cut bool
}

// DecodeSYN reads one packet, which starts at its IP header and may be cut short
// at any byte behind the flags. ok is false where it is not a TCP segment with
// SYN and without ACK, RST and FIN, from one unicast address to another, whole or
// the first fragment. ECN bits, urgent data and a payload (RFC 7413) do no harm.
//
// It is not responsible for the TCP checksum, which a capture may lack and the
// option's reader does not need, nor for whether somebody listens.
func DecodeSYN(packet []byte) (s SYN, ok bool) {
	if len(packet) == 0 {
		return SYN{}, false
	}
	var tcp []byte
	whole := 0
	switch packet[0] >> 4 {
	case 4:
		tcp, whole = s.readIPv4(packet)
	case 6:
		tcp, whole = s.readIPv6(packet)
	}
	if len(tcp) <= tcpFlags || tcp[tcpFlags]&(tcpSYN|tcpACK|tcpRST|tcpFIN) != tcpSYN {
		return SYN{}, false
	}
	header := int(tcp[12]>>4) * 4
	if header < tcpHeaderLen || header > whole {
		return SYN{}, false
	}
	s.ClientPort, s.ServerPort = be16(tcp), be16(tcp[2:])
	s.Cut = len(tcp) < header
	if len(tcp) > tcpHeaderLen {
		s.readOptions(tcp[tcpHeaderLen:min(header, len(tcp))])
	}
	return s, true
}

// readIPv4 sets family and addresses. It returns what was captured of the TCP
// segment, nil where there is none, and how long the IP header says it is.
func (s *SYN) readIPv4(packet []byte) (tcp []byte, whole int) {
	if len(packet) < ipv4HeaderLen {
		return nil, 0
	}
	header, total := int(packet[0]&0x0f)*4, int(be16(packet[2:]))
	switch {
	case header < ipv4HeaderLen, total < header, len(packet) < header,
		be16(packet[6:])&ipv4OffsetBits != 0, Protocol(packet[9]) != TCP,
		!forwardable4(packet[12:]), !forwardable4(packet[16:]):
		return nil, 0
	}
	s.Family, s.Client, s.Server = IPv4, addr4(packet[12:]), addr4(packet[16:])
	return packet[header:min(total, len(packet))], total - header
}

// readIPv6 is readIPv4's twin. Behind a routing header with segments left the
// destination is a waypoint and no server.
func (s *SYN) readIPv6(packet []byte) (tcp []byte, whole int) {
	if len(packet) < ipv6HeaderLen {
		return nil, 0
	}
	total := ipv6HeaderLen + int(be16(packet[4:]))
	packet = packet[:min(total, len(packet))]
	c := walkIPv6(packet)
	switch {
	case c.end != chainComplete, c.segmentsLeft, c.fragment&ipv6OffsetBits != 0, c.upper != TCP,
		!forwardable6(packet[8:]), !forwardable6(packet[24:]):
		return nil, 0
	}
	s.Family, s.Client, s.Server = IPv6, addr16(packet[8:]), addr16(packet[24:])
	return packet[c.offset:], total - c.offset
}

// Kinds of TCP options (RFC 9293 §3.2).
const (
	optionEnd = 0
	optionNOP = 1
	optionMSS = 2
)

// readOptions walks the options as tcp_parse_options of the kernel does
// (net/ipv4/tcp_input.c): one that is malformed or goes on beyond the bytes ends
// the walk; an MSS of another length or of 0 is none; of several the last counts.
func (s *SYN) readOptions(options []byte) {
	for len(options) > 0 && options[0] != optionEnd {
		if options[0] == optionNOP {
			options = options[1:]
			continue
		}
		if len(options) < 2 || options[1] < 2 || int(options[1]) > len(options) {
			return
		}
		option := options[:options[1]]
		if option[0] == optionMSS && len(option) == 4 && be16(option[2:]) != 0 {
			s.MSS, s.HasMSS = be16(option[2:]), true
		}
		options = options[len(option):]
	}
}
