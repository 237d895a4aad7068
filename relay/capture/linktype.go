package capture

import (
	"encoding/binary"
	"fmt"
)

// linkType says what a frame begins with. The numbers are those of
// https://www.tcpdump.org/linktypes.html.
type linkType uint32

const (
	linkNull       linkType = 0
	linkEthernet   linkType = 1
	linkRawBSD     linkType = 12 // DLT_RAW of most systems
	linkRawOpenBSD linkType = 14 // DLT_RAW of OpenBSD
	linkRaw        linkType = 101
	linkLoop       linkType = 108
	linkCooked     linkType = 113
	linkIPv4       linkType = 228
	linkIPv6       linkType = 229
	linkCooked2    linkType = 276
)

// check returns an error that names the known types where l is none.
func (l linkType) check() error {
	switch l {
	case linkNull, linkEthernet, linkRawBSD, linkRawOpenBSD, linkRaw, linkLoop, linkCooked, linkIPv4, linkIPv6, linkCooked2:
		return nil
	default:
		return fmt.Errorf("link type %d is not known; known are Ethernet (1), Linux cooked (113, 276), "+
			"raw IP (12, 14, 101, 228, 229) and loopback (0, 108)", uint32(l))
	}
}

// packet takes the link layer off a frame of a known type; ok says that it
// carries IP.
func (l linkType) packet(frame []byte) (p Packet, ok bool) {
	switch l {
	case linkEthernet:
		return ethernet(frame)
	case linkCooked:
		return cooked(frame)
	case linkCooked2:
		return cooked2(frame)
	case linkNull, linkLoop:
		return loopback(frame)
	case linkRaw, linkRawBSD, linkRawOpenBSD, linkIPv4, linkIPv6:
	}
	return Packet{Data: frame}, true
}

const macSize = 6

func ethernet(frame []byte) (p Packet, ok bool) {
	const header = 2*macSize + 2
	if len(frame) < header {
		return p, false
	}
	p.From = [macSize]byte(frame[macSize:])
	p.Data, ok = untag(binary.BigEndian.Uint16(frame[2*macSize:]), frame[header:])
	return p, ok
}

// cooked reads https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html.
func cooked(frame []byte) (p Packet, ok bool) {
	const header = 16
	if len(frame) < header {
		return p, false
	}
	if binary.BigEndian.Uint16(frame[4:]) == macSize {
		p.From = [macSize]byte(frame[6:])
	}
	p.Data, ok = untag(binary.BigEndian.Uint16(frame[14:]), frame[header:])
	return p, ok
}

// cooked2 reads https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html.
func cooked2(frame []byte) (p Packet, ok bool) {
	const header = 20
	if len(frame) < header {
		return p, false
	}
	if frame[11] == macSize {
		p.From = [macSize]byte(frame[12:])
	}
	p.Data, ok = untag(binary.BigEndian.Uint16(frame), frame[header:])
	return p, ok
}

// untag takes VLAN tags off; ok says that what follows is IP. kind is the
// EtherType before rest.
func untag(kind uint16, rest []byte) (packet []byte, ok bool) {
	for isTag(kind) {
		if len(rest) < 4 {
			return nil, false
		}
		kind, rest = binary.BigEndian.Uint16(rest[2:]), rest[4:]
	}
	return rest, kind == 0x0800 || kind == 0x86dd
}

// isTag tells the EtherTypes of 802.1Q, of 802.1ad, and of what came before that.
func isTag(kind uint16) bool { return kind == 0x8100 || kind == 0x88a8 || kind == 0x9100 }

// loopback begins with an address family, in the byte order of the host that
// captured or of the network, with the number that its system gives it.
func loopback(frame []byte) (p Packet, ok bool) {
	const header = 4
	if len(frame) < header {
		return p, false
	}
	family := binary.LittleEndian.Uint32(frame)
	if family > 0xffff {
		family = binary.BigEndian.Uint32(frame)
	}
	switch family {
	case 2, // AF_INET
		10, 24, 28, 30: // AF_INET6 of Linux, of NetBSD and OpenBSD, of FreeBSD, of macOS
		return Packet{Data: frame[header:]}, true
	default:
		return p, false
	}
}
