package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"ptbrelay/classify"
)

const (
	// receiveBuffer is what the kernel may hold of datagrams that wait for us, in
	// bytes: about 3500 of full length with the kernel's own overhead.
	receiveBuffer = 8 << 20
	// A peer on our link whose neighbour entry is not resolved holds up to
	// net.ipv4.neigh.default.unres_qlen_bytes (212992) of our send buffer, for
	// seconds. The others must not feel it, so each peer brings its own room.
	sendBufferBase = 4 << 20
	sendBufferPeer = 512 << 10
	sendBufferMax  = 512 << 20
)

// socket is the UDP socket of one family. Its send methods belong to the sender,
// but sendTo, which any goroutine may call.
type socket struct {
	conn  *net.UDPConn
	raw   syscall.RawConn
	bound netip.AddrPort

	// What send gives to attempt and gets from it; closures made on the way would
	// be allocated.
	messages []mmsghdr
	taken    int
	errno    syscall.Errno
	now      func(fd uintptr)      // attempts
	waiting  func(fd uintptr) bool // attempts again when the socket has room
}

// listenUDP binds a socket to one address of this host.
func listenUDP(a netip.AddrPort) (*socket, error) {
	if !a.Addr().IsValid() || a.Addr().IsUnspecified() || a.Addr().IsMulticast() {
		return nil, fmt.Errorf("listen on udp %v: it must be one address of this host: the peers know us by it", a)
	}
	network := "udp4"
	if a.Addr().Is6() {
		network = "udp6" // IPv6 only
	}
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error { return configure(raw, a.Addr()) }}
	conn, err := lc.ListenPacket(context.Background(), network, a.String())
	if err != nil {
		return nil, fmt.Errorf("%w%s", err, hint(err))
	}
	s := &socket{conn: conn.(*net.UDPConn)}
	s.bound = s.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	s.now = func(fd uintptr) { s.taken, s.errno = sendmmsg(fd, s.messages) }
	s.waiting = func(fd uintptr) bool { s.now(fd); return s.errno != unix.EAGAIN }
	if s.raw, err = s.conn.SyscallConn(); err != nil {
		s.conn.Close()
		return nil, err
	}
	return s, nil
}

// hint says what to do about an address that cannot be bound.
func hint(err error) string {
	switch {
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return ": this host does not have the address (set udp.listen to one that it has)"
	case errors.Is(err, unix.EADDRINUSE):
		return ": another process has the port (set udp.port to a free one, the same on all servers)"
	}
	return ""
}

// configure readies a socket before it is bound.
func configure(raw syscall.RawConn, a netip.Addr) error {
	var err error
	controlErr := raw.Control(func(fd uintptr) {
		// The path MTU toward a peer is not taken from PTBs, which anybody can
		// forge; what is longer than our own interface allows goes in fragments.
		if a.Is4() {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_OMIT)
		} else {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_OMIT)
		}
		if err == nil {
			// Set by package net. A peer that is a broadcast address is a mistake,
			// and so the kernel refuses it.
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_BROADCAST, 0)
		}
	})
	return errors.Join(controlErr, err)
}

// setBuffers gives the socket its receive buffer, and a send buffer for so many
// peers.
func (s *socket) setBuffers(peers int, log *slog.Logger) {
	send := min(sendBufferBase+peers*sendBufferPeer, sendBufferMax)
	err := s.raw.Control(func(fd uintptr) {
		for _, b := range []struct{ force, option, size int }{
			{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, receiveBuffer},
			{unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, send},
		} {
			if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, b.force, b.size) == nil {
				continue
			}
			// The kernel takes any size here, and caps it silently.
			if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, b.option, b.size); err != nil {
				log.Warn("cannot enlarge a buffer of the udp socket", "listen", s.bound, "err", err)
			}
		}
	})
	if err != nil {
		log.Warn("cannot reach the udp socket", "listen", s.bound, "err", err)
	}
}

// send hands messages to the kernel and returns how many it took; errno is that
// of the first one if it took none, EAGAIN where the buffer is full.
func (s *socket) send(messages []mmsghdr) (int, syscall.Errno) {
	s.messages = messages
	if s.raw.Control(s.now) != nil {
		return 0, unix.EBADF
	}
	return s.taken, s.errno
}

// sendWaiting is send that waits for room in the buffer, until a moment.
func (s *socket) sendWaiting(messages []mmsghdr, until time.Time) (int, syscall.Errno) {
	s.messages, s.taken, s.errno = messages, 0, unix.EAGAIN
	// Deadlines fail only on a closed socket, as Write then does, or when the
	// moment has come.
	_ = s.conn.SetWriteDeadline(until)
	_ = s.raw.Write(s.waiting)
	_ = s.conn.SetWriteDeadline(time.Time{})
	return s.taken, s.errno
}

// sendTo sends one datagram, without waiting.
func (s *socket) sendTo(to *sockaddr, datagram []byte) error {
	var errno syscall.Errno
	err := s.raw.Control(func(fd uintptr) { errno = sendTo(fd, to, datagram) })
	if err == nil && errno != 0 {
		err = errno
	}
	return err
}

// sendTo is sendto(2) that never blocks.
func sendTo(fd uintptr, to *sockaddr, datagram []byte) syscall.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, fd,
		uintptr(unsafe.Pointer(unsafe.SliceData(datagram))), uintptr(len(datagram)), unix.MSG_DONTWAIT,
		uintptr(unsafe.Pointer(to)), uintptr(to.size()))
	return errno
}

// families are those of sockets, and the valid indices of what is held by family.
var families = [...]classify.Family{classify.IPv4, classify.IPv6}

func familyOf(a netip.Addr) classify.Family {
	if a.Is4() {
		return classify.IPv4
	}
	return classify.IPv6
}
