//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// sendBatch is how many frames one system call takes.
	sendBatch = 64
	// sendBuffer is the send buffer asked for, in bytes; an ordinary user gets
	// no more than net.core.wmem_max of it.
	sendBuffer = 4 << 20
	// fullPause is how long to wait before a frame that the kernel's queue had
	// no room for is tried again: no event says when it has.
	fullPause = 50 * time.Microsecond
)

// Sender puts Ethernet frames on one interface as fast as the kernel takes
// them. It is for one goroutine at a time; only Close may be called from
// another.
type Sender struct {
	what string // for messages
	file *os.File
	conn syscall.RawConn

	headers [sendBatch]messageHeader
	iovecs  [sendBatch]unix.Iovec
}

// messageHeader is struct mmsghdr (sendmmsg(2)).
type messageHeader struct {
	unix.Msghdr
	length uint32
	_      [unsafe.Sizeof(uintptr(0)) - 4]byte
}

// Sender opens a socket that only sends, on one of the node's interfaces. Close
// it: like every socket it keeps the node's namespace alive.
func (n *Node) Sender(iface string) (*Sender, error) {
	var fd int
	err := n.Do(func() (err error) {
		fd, err = openSender(iface)
		return err
	})
	what := "node " + n.name + ": sender on " + iface
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	s := &Sender{what: what, file: os.NewFile(uintptr(fd), what)}
	if s.conn, err = s.file.SyscallConn(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", what, err), s.file.Close())
	}
	for i := range s.headers {
		s.headers[i].Iov = &s.iovecs[i]
		s.headers[i].SetIovlen(1)
	}
	return s, nil
}

// openSender makes a packet socket that receives nothing: it is bound without a
// protocol.
func openSender(iface string) (int, error) {
	return openPacketSocket(iface, func(fd, link int) error {
		if err := setBuffer(fd, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, sendBuffer); err != nil {
			return fmt.Errorf("set the send buffer: %w", err)
		}
		if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: link}); err != nil {
			return fmt.Errorf("bind: %w", err)
		}
		return nil
	})
}

// Send puts frames on the wire, in order, each with its Ethernet header and
// unchanged. It waits while the kernel's buffer is full.
func (s *Sender) Send(frames [][]byte) error {
	for len(frames) > 0 {
		batch := frames[:min(len(frames), sendBatch)]
		if _, err := s.send(batch); err != nil {
			return err
		}
		frames = frames[len(batch):]
	}
	return nil
}

// send sends at most sendBatch frames and returns how many the kernel took,
// fewer only with an error.
func (s *Sender) send(frames [][]byte) (sent int, err error) {
	for i, frame := range frames {
		s.iovecs[i].Base = unsafe.SliceData(frame)
		s.iovecs[i].SetLen(len(frame))
	}
	for sent < len(frames) {
		took, err := s.sendmmsg(sent, len(frames))
		sent += took
		switch {
		case err == nil:
		case errors.Is(err, unix.ENOBUFS):
			time.Sleep(fullPause)
		default:
			return sent, fmt.Errorf("%s: send a frame of %d bytes: %w", s.what, len(frames[sent]), err)
		}
	}
	return sent, nil
}

// sendmmsg sends messages from to to and returns how many the kernel took. It
// waits while the socket's buffer is full.
func (s *Sender) sendmmsg(from, to int) (took int, err error) {
	var errno syscall.Errno
	err = s.conn.Write(func(fd uintptr) bool {
		var n uintptr
		n, _, errno = unix.Syscall6(unix.SYS_SENDMMSG, fd,
			uintptr(unsafe.Pointer(&s.headers[from])), uintptr(to-from), 0, 0, 0)
		if errno == 0 {
			took = int(n)
		}
		return errno != unix.EAGAIN
	})
	if err == nil && errno != 0 && errno != unix.EINTR {
		err = errno
	}
	return took, err
}

// Close ends sending; a Send or Stream under way fails. A second Close is an
// error.
func (s *Sender) Close() error {
	if err := s.file.Close(); err != nil {
		return fmt.Errorf("%s: close: %w", s.what, err)
	}
	return nil
}
