//go:build linux

package labtest

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
)

// UDPFrame makes Ethernet frames from the router to a server's IPv4 address, each
// around a datagram from an address and port that may be anybody's.
type UDPFrame struct {
	headers []byte // Ethernet, IPv4 (RFC 791), UDP (RFC 768)
}

const (
	etherSize = 14
	ipv4Size  = 20
	udpSize   = 8
)

// NewUDPFrame is for datagrams to one port of a server.
func NewUDPFrame(t testing.TB, l *lab.Lab, server int, port uint16) UDPFrame {
	t.Helper()
	to := l.ServerAddr(lab.IPv4, server).As4()
	packet := make([]byte, ipv4Size+udpSize)
	packet[0], packet[8], packet[9] = 4<<4|ipv4Size/4, 64, unix.IPPROTO_UDP
	copy(packet[16:], to[:])
	binary.BigEndian.PutUint16(packet[ipv4Size+2:], port)
	return UDPFrame{FrameTo(t, l, server, packet)}
}

// Put makes a frame in place of buf. Its UDP checksum is 0: there is none.
func (u UDPFrame) Put(buf []byte, from netip.AddrPort, payload []byte) []byte {
	frame := append(append(buf[:0], u.headers...), payload...)
	packet, source := frame[etherSize:], from.Addr().As4()
	copy(packet[12:], source[:])
	binary.BigEndian.PutUint16(packet[ipv4Size:], from.Port())
	binary.BigEndian.PutUint16(packet[ipv4Size+4:], uint16(udpSize+len(payload)))
	classifytest.MendLength(packet)
	classifytest.MendHeader(packet)
	return frame
}
