package transport

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// sockaddr is struct sockaddr_in or sockaddr_in6 (linux/in.h, linux/in6.h): the
// family in host order, the port in network order, then the address, behind the
// flow label in IPv6.
type sockaddr [unix.SizeofSockaddrInet6]byte

func newSockaddr(a netip.AddrPort) (s sockaddr) {
	binary.BigEndian.PutUint16(s[2:], a.Port())
	if a.Addr().Is4() {
		binary.NativeEndian.PutUint16(s[:], unix.AF_INET)
		*(*[4]byte)(s[4:]) = a.Addr().As4()
		return s
	}
	binary.NativeEndian.PutUint16(s[:], unix.AF_INET6)
	*(*[16]byte)(s[8:]) = a.Addr().As16()
	return s
}

func (s *sockaddr) is4() bool { return binary.NativeEndian.Uint16(s[:]) == unix.AF_INET }

func (s *sockaddr) size() uint32 {
	if s.is4() {
		return unix.SizeofSockaddrInet4
	}
	return unix.SizeofSockaddrInet6
}

func (s *sockaddr) addrPort() netip.AddrPort {
	port := binary.BigEndian.Uint16(s[2:])
	if s.is4() {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(s[4:])), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(s[8:])), port)
}
