package deliver

import (
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"ptbrelay/classify"
)

// discard is the port that nobody answers at (RFC 863).
const discard = 9

// udpSocket is a connected socket to try a PTB on. Connecting it sends nothing.
type udpSocket struct {
	fd   int
	flow classify.Flow
}

// connect opens a socket from one address to another, both of one family.
func connect(from, to netip.Addr) (*udpSocket, error) {
	family := unix.AF_INET6
	if from.Is4() {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	s := &udpSocket{fd: fd}
	port, err := s.connect(from, to)
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("connect a UDP socket from %v to %v: %w", from, to, err)
	}
	s.flow = classify.MakeFlow(classify.UDP, netip.AddrPortFrom(from, port), netip.AddrPortFrom(to, discard))
	return s, nil
}

// connect returns the local port.
func (s *udpSocket) connect(from, to netip.Addr) (uint16, error) {
	if err := unix.Bind(s.fd, sockaddr(from, 0)); err != nil {
		return 0, err
	}
	if err := unix.Connect(s.fd, sockaddr(to, discard)); err != nil {
		return 0, err
	}
	local, err := unix.Getsockname(s.fd)
	switch local := local.(type) {
	case *unix.SockaddrInet4:
		return uint16(local.Port), err
	case *unix.SockaddrInet6:
		return uint16(local.Port), err
	}
	return 0, err
}

func sockaddr(a netip.Addr, port int) unix.Sockaddr {
	if a.Is4() {
		return &unix.SockaddrInet4{Addr: a.As4(), Port: port}
	}
	return &unix.SockaddrInet6{Addr: a.As16(), Port: port}
}

// mtu is the socket's path MTU in bytes (ip(7), IP_MTU; ipv6(7), IPV6_MTU).
func (s *udpSocket) mtu() (uint32, error) {
	level, option := unix.SOL_IPV6, unix.IPV6_MTU
	if s.flow.VIP().Is4() {
		level, option = unix.SOL_IP, unix.IP_MTU
	}
	mtu, err := unix.GetsockoptInt(s.fd, level, option)
	if err != nil {
		return 0, fmt.Errorf("read the path MTU of a socket: %w", err)
	}
	return uint32(mtu), nil
}

// greet sends one datagram that no router passes on.
func (s *udpSocket) greet() error {
	level, option := unix.SOL_IPV6, unix.IPV6_UNICAST_HOPS
	if s.flow.VIP().Is4() {
		level, option = unix.SOL_IP, unix.IP_TTL
	}
	if err := unix.SetsockoptInt(s.fd, level, option, 1); err != nil {
		return fmt.Errorf("set a hop limit of 1: %w", err)
	}
	if _, err := unix.Write(s.fd, make([]byte, 1)); err != nil {
		return fmt.Errorf("send a datagram: %w", err)
	}
	return nil
}

// Close closes the socket.
func (s *udpSocket) Close() { _ = unix.Close(s.fd) }
