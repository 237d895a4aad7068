package capture

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/florianl/go-nflog/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Numbers of linux/netfilter/nfnetlink_log.h.
const (
	nfulnlMsgConfig = 1
	nfulaCfgNLBufSz = 3
)

// conn is what the gate needs of a netlink connection.
type conn interface {
	Send(netlink.Message) (netlink.Message, error)
	Receive() ([]netlink.Message, error)
	SetDeadline(time.Time) error
	Close() error
}

// gate stands between go-nflog and its socket. It lets requests and their
// replies through, and keeps go-nflog's own receive loop waiting until the
// group is to be released: the messages are ours to read.
//
// Its requests follow one another: first the opener's, then, once the context
// has ended, the loop's own, which unbinds.
type gate struct {
	conn    conn
	ctx     context.Context // how long go-nflog's loop is kept waiting
	cancel  context.CancelFunc
	asked   bool  // a request was sent, its reply not yet read
	granted bool  // the kernel has obeyed a request
	failure error // of the last request: go-nflog hides its cause

	parked  onceClosed // go-nflog's loop has begun to wait
	unbound onceClosed // go-nflog's loop has had its answer to the unbind
}

// onceClosed is a channel that may be closed more than once.
type onceClosed struct {
	once sync.Once
	done chan struct{}
}

func newOnceClosed() onceClosed { return onceClosed{done: make(chan struct{})} }
func (o *onceClosed) close()    { o.once.Do(func() { close(o.done) }) }
func (o *onceClosed) closed() bool {
	select {
	case <-o.done:
		return true
	default:
		return false
	}
}

// The deprecation warns that such a connection cannot do all that a dialled one
// can; go-nflog needs none of it after Open.
var _ netlink.Socket = (*gate)(nil) //nolint:staticcheck // see above

func newGate(c conn) *gate {
	g := &gate{conn: c, parked: newOnceClosed(), unbound: newOnceClosed()}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	return g
}

// register binds and configures the group and returns when go-nflog's loop
// waits at the gate: closing before that would be a race in go-nflog.
//
// EPERM has two causes. The kernel looks for CAP_NET_ADMIN at every request
// (nfnetlink.c, nfnetlink_rcv) and go-nflog begins with two that concern no group,
// so after those it is the group that is refused (nfnetlink_log.c,
// nfulnl_recv_config).
func (g *gate) register(nf *nflog.Nflog) error {
	never := func(nflog.Attribute) int { return 1 }
	stop := func(error) int { return 1 }
	if err := nf.RegisterWithErrorFunc(g.ctx, never, stop); err != nil {
		if g.granted && errors.Is(g.failure, unix.EPERM) {
			return ErrGroupTaken
		}
		return cmp.Or(g.failure, err)
	}
	<-g.parked.done
	return nil
}

// setKernelBuffer sets the size in bytes of the kernel's batch buffer, one page
// by default (linux/netfilter/nfnetlink_log.h, NFULA_CFG_NLBUFSIZ). go-nflog
// has no word for it.
func (g *gate) setKernelBuffer(group uint16, size uint32) error {
	ae := netlink.NewAttributeEncoder()
	ae.ByteOrder = binary.BigEndian
	ae.Uint32(nfulaCfgNLBufSz, size)
	attrs, err := ae.Encode()
	if err != nil {
		return err
	}
	nfgenmsg := []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, byte(group >> 8), byte(group)}
	err = g.Send(netlink.Message{
		Header: netlink.Header{
			Type:  unix.NFNL_SUBSYS_ULOG<<8 | nfulnlMsgConfig,
			Flags: netlink.Request | netlink.Acknowledge,
		},
		Data: append(nfgenmsg, attrs...),
	})
	if err != nil {
		return err
	}
	_, err = g.Receive()
	return err
}

// release lets go-nflog's loop unbind the group, then closes the socket, which
// unbinds it as well: under a flood the answer to the request may be lost.
func (g *gate) release(nf *nflog.Nflog) error {
	deadline := g.conn.SetDeadline(time.Now().Add(releaseTimeout))
	g.cancel()
	if g.parked.closed() {
		<-g.unbound.done
	}
	return errors.Join(deadline, nf.Close())
}

// Send implements netlink.Socket.
func (g *gate) Send(m netlink.Message) error {
	g.asked = true
	_, g.failure = g.conn.Send(m)
	if g.failure != nil && g.ctx.Err() != nil {
		g.unbound.close()
	}
	return g.failure
}

// SendMessages implements netlink.Socket; go-nflog sends one at a time.
func (g *gate) SendMessages([]netlink.Message) error { return errors.ErrUnsupported }

// Receive implements netlink.Socket.
func (g *gate) Receive() ([]netlink.Message, error) {
	if g.asked {
		g.asked = false
		if g.ctx.Err() != nil {
			defer g.unbound.close()
		}
		return g.reply()
	}
	g.parked.close()
	<-g.ctx.Done()
	return nil, g.ctx.Err()
}

// reply waits for the answer to a request and drops log messages before it. A
// lost answer ends in the connection's deadline.
func (g *gate) reply() ([]netlink.Message, error) {
	for {
		msgs, err := g.conn.Receive()
		if errors.Is(err, unix.ENOBUFS) {
			continue
		}
		g.failure = err
		if err != nil {
			return nil, err
		}
		for _, m := range msgs {
			if m.Header.Type == netlink.Error {
				g.granted = true
				return []netlink.Message{m}, nil
			}
		}
	}
}

// ReceiveIter implements netlink.Socket.
func (g *gate) ReceiveIter() iter.Seq2[netlink.Message, error] {
	return func(yield func(netlink.Message, error) bool) {
		msgs, err := g.Receive()
		if err != nil {
			yield(netlink.Message{}, err)
			return
		}
		for _, m := range msgs {
			if !yield(m, nil) {
				return
			}
		}
	}
}

// Close implements netlink.Socket.
func (g *gate) Close() error { return g.conn.Close() }
