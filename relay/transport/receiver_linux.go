package transport

import (
	"context"
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// receiveSize is how many datagrams one system call may bring.
	receiveSize = 64
	// receiveBytes is the most of one datagram that is read. A longer one is
	// longer than any of ours even when cut to that.
	receiveBytes = maxDatagram + 1
)

// receiver reads one socket. It belongs to one goroutine.
type receiver struct {
	socket *socket
	take   func(now time.Time, batch []received)

	messages [receiveSize]mmsghdr
	iovecs   [receiveSize]unix.Iovec
	from     [receiveSize]sockaddr
	buffers  [receiveSize][receiveBytes]byte
	batch    [receiveSize]received
	errno    syscall.Errno
}

// received is one datagram as it came.
type received struct {
	socket   *socket
	from     *sockaddr
	datagram []byte
}

// newReceiver makes a receiver that hands what it reads to take, batch by batch.
func newReceiver(s *socket, take func(now time.Time, batch []received)) *receiver {
	r := &receiver{socket: s, take: take}
	for i := range r.messages {
		r.iovecs[i].Base = &r.buffers[i][0]
		r.iovecs[i].SetLen(receiveBytes)
		h := &r.messages[i].hdr
		h.Iov = &r.iovecs[i]
		h.SetIovlen(1)
		// The kernel writes the size of the address that it gives, which for one
		// socket is always the same.
		h.Name, h.Namelen = &r.from[i][0], unix.SizeofSockaddrInet6
	}
	return r
}

// run receives until the context ends.
func (r *receiver) run(ctx context.Context) error {
	incoming := r.socket.incoming
	raw, err := incoming.SyscallConn()
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() {
		// Fails only on a closed file, which ends run as well.
		_ = incoming.SetReadDeadline(time.Now())
	})()
	for {
		// The runtime's poller is waited for only when there is nothing left (see
		// relay/capture, NFLOG.Run).
		err := raw.Read(r.drain)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil && r.errno == 0:
			continue
		case err == nil:
			err = r.errno
		}
		return fmt.Errorf("receive on udp %v: %w", r.socket.bound, err)
	}
}

// drain reads once and hands over what came. It returns false where the socket is
// empty now.
func (r *receiver) drain(uintptr) (done bool) {
	if err := r.socket.raw.Control(r.read); err != nil {
		r.errno = unix.EBADF // closed
	}
	return r.errno != unix.EAGAIN
}

// read reads once and hands over what came. errno is EAGAIN then if the socket is
// empty: a call that brings less than it may has emptied it.
func (r *receiver) read(fd uintptr) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd,
		uintptr(unsafe.Pointer(&r.messages[0])), receiveSize, unix.MSG_DONTWAIT, 0, 0)
	r.errno = errno
	switch {
	case errno == unix.EINTR:
		r.errno = 0
		return
	case errno != 0:
		return
	case n < receiveSize:
		r.errno = unix.EAGAIN
	}
	batch := r.batch[:n]
	for i := range batch {
		batch[i] = received{r.socket, &r.from[i], r.buffers[i][:r.messages[i].len]}
	}
	r.take(time.Now(), batch)
}
