package capture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/florianl/go-nflog/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	// openTimeout bounds one attempt to bind the group. The kernel answers at
	// once, or never: under overrun its acknowledgement is lost with the rest.
	openTimeout = time.Second
	openTries   = 5
	// releaseTimeout bounds the wait for the answer to the unbind.
	releaseTimeout = 100 * time.Millisecond
	// flushTimeout, in units of 10 ms, is the shortest the kernel has. Without
	// it the tail of a burst waits a second (nfnetlink_log.c, flushtimeout).
	flushTimeout = 1
	// socketThreshold is above the queue-threshold of our rules: the kernel
	// takes the lower of the two.
	socketThreshold = 100
	// drain is how long Run reads on after its context ended: the kernel's
	// flush timeout and a tick.
	drain = 20 * time.Millisecond
)

// NFLOGConfig says which group to read and how.
type NFLOGConfig struct {
	Group uint16
	// Buffer is the size of the socket's receive buffer in bytes: what a burst
	// may fill while the handler works. Without CAP_NET_ADMIN in the initial
	// user namespace the kernel caps it at net.core.rmem_max.
	Buffer int
}

// NFLOG is a Source that owns one netfilter log group.
type NFLOG struct {
	conn   *netlink.Conn // what go-nflog dialled: the socket of all messages
	raw    syscall.RawConn
	ring   *ring
	reader *reader
	close  func() error
}

// ErrGroupTaken is what OpenNFLOG returns for a group that has an owner: another
// process, or another NFLOG of this one.
var ErrGroupTaken = errors.New("another process owns the group")

// OpenNFLOG binds the group. A group has one owner, or else the error is
// ErrGroupTaken; without CAP_NET_ADMIN in the user namespace of the network
// namespace it is EPERM. A process may own several groups.
func OpenNFLOG(c NFLOGConfig) (*NFLOG, error) {
	for try := 1; ; try++ {
		n, err := openOnce(c)
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, os.ErrDeadlineExceeded) && try < openTries:
			// A rule that was there before us may flood the socket before the
			// group is configured. A fresh socket starts with an empty queue.
			continue
		case errors.Is(err, ErrGroupTaken):
			return nil, fmt.Errorf("bind nflog group %d: %w "+
				"(see /proc/net/netfilter/nfnetlink_log): set capture.group to a free one", c.Group, err)
		case errors.Is(err, unix.EPERM):
			return nil, fmt.Errorf("bind nflog group %d: %w: CAP_NET_ADMIN is missing: run as root or grant it", c.Group, err)
		default:
			return nil, fmt.Errorf("bind nflog group %d: %w", c.Group, err)
		}
	}
}

func openOnce(c NFLOGConfig) (_ *NFLOG, err error) {
	nf, err := nflog.Open(&nflog.Config{
		Group:    c.Group,
		Copymode: nflog.CopyPacket,
		Bufsize:  copyRange,
		QThresh:  socketThreshold,
		Timeout:  flushTimeout,
		Flags:    nflog.FlagSeq,
	})
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	gate := newGate(nf.Con)
	n := &NFLOG{conn: nf.Con, ring: newRing()}
	nf.Con = netlink.NewConn(gate, 0)
	n.close = sync.OnceValue(func() error { return gate.release(nf) })
	defer func() {
		if err != nil {
			_ = n.Close() // the error on the way out is the one to report
		}
	}()

	if err := prepare(n.conn, c.Buffer); err != nil {
		return nil, err
	}
	if err := gate.register(nf); err != nil {
		return nil, err
	}
	if err := gate.setKernelBuffer(c.Group, datagramSize); err != nil {
		return nil, fmt.Errorf("set the kernel's log buffer to %d bytes: %w", datagramSize, err)
	}
	if err := n.conn.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	if n.raw, err = n.conn.SyscallConn(); err != nil {
		return nil, err
	}
	// Where the kernel does not tell of drops a loss is called a gap.
	n.reader = &reader{drops: func() uint32 { return socketMemory(n.raw)[skMeminfoDrops] }}
	return n, nil
}

// prepare readies the socket before the first message can reach it.
func prepare(conn *netlink.Conn, buffer int) error {
	if err := conn.SetReadBuffer(buffer); err != nil {
		return fmt.Errorf("set receive buffer to %d bytes: %w", buffer, err)
	}
	// Without this the kernel, once overrun, drops everything until the queue
	// is empty. With it losses show as gaps in the sequence numbers.
	if err := conn.SetOption(netlink.NoENOBUFS, true); err != nil {
		return fmt.Errorf("set NETLINK_NO_ENOBUFS: %w", err)
	}
	return conn.SetDeadline(time.Now().Add(openTimeout))
}

// Run implements Source.
func (n *NFLOG) Run(ctx context.Context, h Handler) error {
	defer context.AfterFunc(ctx, func() {
		// Fails only on a closed socket, which ends Run as well.
		_ = n.conn.SetReadDeadline(time.Now().Add(drain))
	})()
	var errno syscall.Errno
	// The runtime's poller is waited for only when there is nothing left: a
	// blocking recvmmsg would cost a thread hand-over a call.
	take := func(fd uintptr) (done bool) {
		errno = n.take(fd, h)
		return errno != unix.EAGAIN
	}
	for {
		err := n.raw.Read(take)
		switch {
		case err != nil && ctx.Err() != nil:
			return nil
		case err == nil && errno == 0:
			continue
		case err == nil:
			err = errno
		}
		return fmt.Errorf("read nflog messages: %w", err)
	}
}

// take reads once and hands over what came. It returns EAGAIN where the socket
// is empty now: a call that leaves room in the ring has emptied it, and whatever
// comes later wakes the poller again, so asking once more is not needed. After a
// full ring it returns 0, so that Run looks at its deadline even where messages
// come faster than the handler takes them.
func (n *NFLOG) take(fd uintptr, h Handler) syscall.Errno {
	got, errno := n.ring.receive(fd)
	switch errno {
	case 0:
	case unix.EINTR, unix.ENOBUFS:
		return 0
	case unix.EAGAIN:
		n.reader.drained = true
		return errno
	default:
		return errno
	}
	n.reader.at = time.Now()
	for i := range got {
		n.reader.read(n.ring.datagram(i), h)
	}
	n.reader.flush(h)
	if got < ringSize {
		n.reader.drained = true
		return unix.EAGAIN
	}
	return 0
}

// Buffer is the size of the receive buffer in bytes that the kernel granted.
func (n *NFLOG) Buffer() (int, error) {
	doubled, err := n.conn.ReadBuffer() // with the kernel's own overhead (socket(7))
	return doubled / 2, err
}

// Waiting tells whether the kernel holds messages that Run has not taken yet. Any
// goroutine may call it.
func (n *NFLOG) Waiting() bool { return socketMemory(n.raw)[skMeminfoRmemAlloc] > 0 }

// Stats implements Source.
func (n *NFLOG) Stats() Stats {
	return Stats{
		Overrun: n.reader.overrun.Load(),
		Gap:     n.reader.gap.Load(),
	}
}

// Close implements Source. The group is free when it returns.
func (n *NFLOG) Close() error { return n.close() }
