//go:build linux

package lab

import (
	"context"
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
	// fillRoom is what a frame may hold without allocating, in bytes.
	fillRoom = 2048
	// streamStep is how long a paced stream sleeps at least and at most: short
	// enough that budgets, which count tokens a millisecond, see no gaps, and
	// that the end of a context is soon noticed.
	streamStep, longestStep = 200 * time.Microsecond, 10 * time.Millisecond
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

// Stream describes a flood.
type Stream struct {
	Rate      int  // frames a second, sent in small steps; 0: as fast as the kernel takes them
	Scattered bool // at random distances (exponential), as from many senders, and not in steps: wakes up more often
	Count     int  // ends after so many; at least 1
	// Fill makes frame number n, from 0, in place of buf, which has room for
	// any packet of Ethernet's usual size: append to buf[:0], or return bytes of
	// your own that stay as they are for the next 64 frames.
	Fill func(n int, buf []byte) []byte
}

// Stream sends frames until there were Count of them or ctx ends, which is no
// error, and returns how many the kernel took. A paced stream that falls behind
// catches up by a few milliseconds and forgets the rest.
func (s *Sender) Stream(ctx context.Context, st Stream) (sent int, err error) {
	if st.Rate < 0 || st.Count < 1 || st.Fill == nil {
		return 0, fmt.Errorf("%s: stream at rate %d of %d frames: need a rate of at least 0, a count and a Fill", s.what, st.Rate, st.Count)
	}
	if !st.Scattered {
		return s.stream(ctx, st, streamStep)
	}
	done := make(chan struct{})
	onFreshThread(func() {
		defer close(done)
		hurry()
		sent, err = s.stream(ctx, st, 0)
	})
	<-done
	return sent, err
}

// stream is Stream with naps of at least step.
func (s *Sender) stream(ctx context.Context, st Stream, step time.Duration) (sent int, err error) {
	p := newPace(st, time.Now())
	frames := newBatch()
	for sent < st.Count {
		select {
		case <-ctx.Done():
			return sent, nil
		default:
		}
		now := time.Now()
		n := p.take(now, min(sendBatch, st.Count-sent))
		if n == 0 {
			nap(min(max(p.next.Sub(now), step), longestStep))
			continue
		}
		for i := range n {
			frames[i] = st.Fill(sent+i, frames[i])
		}
		took, err := s.send(frames[:n])
		sent += took
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// hurry has the kernel run this thread as soon as it wakes, as far as we may ask
// for it, for on a busy machine it would wait for milliseconds. The slice (since
// Linux 6.12) is free to everyone, its least is 0.1 ms.
func hurry() {
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Nice: -20, Runtime: uint64(100 * time.Microsecond)}
	if unix.SchedSetAttr(0, &attr, 0) != nil {
		attr.Nice = 0
		_ = unix.SchedSetAttr(0, &attr, 0) // without it the stream comes in bunches at times
	}
}

// nap sleeps in the kernel, for the runtime's timers are as coarse as a
// millisecond (runtime/netpoll_epoll.go).
func nap(d time.Duration) {
	ts := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&ts, nil) // a signal may end it early: the caller looks at the clock again
}

// newBatch makes room for a batch of frames.
func newBatch() [][]byte {
	room := make([]byte, sendBatch*fillRoom)
	frames := make([][]byte, sendBatch)
	for i := range frames {
		frames[i] = room[i*fillRoom : i*fillRoom : (i+1)*fillRoom]
	}
	return frames
}

// Close ends sending; a Send or Stream under way fails. A second Close is an
// error.
func (s *Sender) Close() error {
	if err := s.file.Close(); err != nil {
		return fmt.Errorf("%s: close: %w", s.what, err)
	}
	return nil
}
