package transport

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
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
//
// It is not one of package net's: the runtime's poller would ask to be told when
// there is room to send, and the kernel wakes it for every datagram that has left
// (sock_def_write_space), which costs as much as the datagram. Our own epoll asks
// for what comes in, and the poller watches that.
type socket struct {
	file     *os.File // not in the poller
	raw      syscall.RawConn
	incoming *os.File // the epoll instance
	bound    netip.AddrPort

	// What send gives to call and gets from it: a closure made on the way would be
	// allocated.
	messages []mmsghdr
	taken    int
	errno    syscall.Errno
	call     func(fd uintptr)
}

// listenUDP binds a socket to one address of this host.
func listenUDP(a netip.AddrPort) (*socket, error) {
	if !a.Addr().IsValid() || a.Addr().IsUnspecified() || a.Addr().IsMulticast() {
		return nil, fmt.Errorf("listen on udp %v: it must be one address of this host: the peers know us by it", a)
	}
	s, err := openSocket(a)
	if err != nil {
		return nil, fmt.Errorf("listen on udp %v: %w%s", a, err, hint(err))
	}
	s.call = func(fd uintptr) { s.taken, s.errno = sendmmsg(fd, s.messages) }
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

func openSocket(a netip.AddrPort) (_ *socket, err error) {
	domain := unix.AF_INET
	if a.Addr().Is6() {
		domain = unix.AF_INET6
	}
	// The descriptor blocks, so that package os leaves it out of the poller. No
	// call of ours blocks.
	fd, err := unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	s := &socket{file: os.NewFile(uintptr(fd), "udp socket")}
	defer func() {
		if err != nil {
			_ = s.close() // the error on the way out is the one to report
		}
	}()
	if err := setOptions(fd, a.Addr()); err != nil {
		return nil, fmt.Errorf("set options: %w", err)
	}
	if s.bound, err = bind(fd, a); err != nil {
		return nil, fmt.Errorf("bind: %w", err)
	}
	if s.incoming, err = watch(fd); err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	s.raw, err = s.file.SyscallConn()
	return s, err
}

// setOptions has the kernel take no path MTU toward a peer from PTBs, which
// anybody can forge. What is longer than our own interface allows goes in
// fragments.
func setOptions(fd int, a netip.Addr) error {
	if a.Is4() {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_OMIT)
	}
	return errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_OMIT),
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1),
	)
}

// bind binds the descriptor and returns to what: the kernel chooses port 0.
func bind(fd int, a netip.AddrPort) (netip.AddrPort, error) {
	var name unix.Sockaddr = &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	if a.Addr().Is4() {
		name = &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	if err := unix.Bind(fd, name); err != nil {
		return netip.AddrPort{}, err
	}
	name, err := unix.Getsockname(fd)
	switch bound := name.(type) {
	case *unix.SockaddrInet4:
		a = netip.AddrPortFrom(a.Addr(), uint16(bound.Port))
	case *unix.SockaddrInet6:
		a = netip.AddrPortFrom(a.Addr(), uint16(bound.Port))
	}
	return a, err
}

// watch returns an epoll instance that can be read from, as the poller sees it,
// when there is something to read from the descriptor.
func watch(fd int) (*os.File, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET}
	err = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &event)
	if err == nil {
		err = unix.SetNonblock(epoll, true) // into the poller
	}
	file := os.NewFile(uintptr(epoll), "epoll of udp socket")
	if err != nil {
		_ = file.Close() // the error on the way out is the one to report
		return nil, err
	}
	return file, nil
}

// close closes what is open.
func (s *socket) close() error {
	var err error
	if s.incoming != nil {
		err = s.incoming.Close()
	}
	return errors.Join(err, s.file.Close())
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
	if s.raw.Control(s.call) != nil {
		return 0, unix.EBADF // closed
	}
	return s.taken, s.errno
}

// sendWaiting is send that waits for room in the buffer, until a moment.
func (s *socket) sendWaiting(messages []mmsghdr, until time.Time) (n int, errno syscall.Errno) {
	errno = unix.EAGAIN
	for left := time.Until(until); errno == unix.EAGAIN && left > 0; left = time.Until(until) {
		s.awaitRoom(left)
		n, errno = s.send(messages)
	}
	return n, errno
}

// awaitRoom waits until the buffer is half empty, at most that long and a
// millisecond. An interruption ends it too.
func (s *socket) awaitRoom(d time.Duration) {
	_ = s.raw.Control(func(fd uintptr) {
		polled := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		_, _ = unix.Poll(polled, int(d.Milliseconds())+1)
	})
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
