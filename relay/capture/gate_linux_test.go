package capture

import (
	"encoding/binary"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/florianl/go-nflog/v2"
	"github.com/mdlayher/netlink"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// kernel is the other end of the netlink socket as the gate sees it. It answers
// every request, after as much noise as it is told to make.
type kernel struct {
	mu       sync.Mutex
	requests []netlink.Message
	noise    int
	overruns int
	errno    map[int]error // by number of the request
	lost     bool          // answers never come
	gone     bool          // requests cannot be sent
	closed   bool
}

func (k *kernel) Send(m netlink.Message) (netlink.Message, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.gone {
		return m, &netlink.OpError{Op: "send", Err: unix.ENOBUFS}
	}
	k.requests = append(k.requests, m)
	return m, nil
}

func (k *kernel) Receive() ([]netlink.Message, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.overruns > 0 {
		k.overruns--
		return nil, &netlink.OpError{Op: "receive", Err: unix.ENOBUFS}
	}
	if k.noise > 0 {
		k.noise--
		return []netlink.Message{{Header: netlink.Header{Type: packetMessage}, Data: make([]byte, 8)}}, nil
	}
	if k.lost {
		return nil, &netlink.OpError{Op: "receive", Err: os.ErrDeadlineExceeded}
	}
	if err := k.errno[len(k.requests)]; err != nil {
		return nil, &netlink.OpError{Op: "receive", Err: err}
	}
	last := k.requests[len(k.requests)-1]
	return []netlink.Message{{
		Header: netlink.Header{Type: netlink.Error, Sequence: last.Header.Sequence},
		Data:   make([]byte, 4),
	}}, nil
}

func (k *kernel) SetDeadline(time.Time) error { return nil }

func (k *kernel) Close() error {
	k.closed = true
	return nil
}

// open registers a group at the kernel through the gate.
func open(t *testing.T, k *kernel) (*gate, *nflog.Nflog, error) {
	t.Helper()
	nf, err := nflog.Open(&nflog.Config{Group: 33, Copymode: nflog.CopyPacket, QThresh: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := nf.Con.Close(); err != nil { // only its configuration is wanted
		t.Fatal(err)
	}
	g := newGate(k)
	nf.Con = netlink.NewConn(g, 0)
	return g, nf, g.register(nf)
}

// Log messages and overruns between request and answer are passed over, the
// group is unbound at the end, and no goroutine is left.
func TestGateLifecycle(t *testing.T) {
	defer goleak.VerifyNone(t)
	k := &kernel{noise: 50, overruns: 3}
	g, nf, err := open(t, k)
	if err != nil {
		t.Fatal(err)
	}
	k.noise = 50
	if err := g.setKernelBuffer(33, datagramSize); err != nil {
		t.Fatal(err)
	}
	size := k.requests[len(k.requests)-1]
	if got := binary.BigEndian.Uint32(size.Data[8:]); got != datagramSize || binary.BigEndian.Uint16(size.Data[2:]) != 33 {
		t.Errorf("buffer request % x", size.Data)
	}
	before := len(k.requests)
	k.noise = 50
	if err := g.release(nf); err != nil {
		t.Fatal(err)
	}
	if len(k.requests) != before+1 || !k.closed {
		t.Errorf("%d requests after the release, closed %v; want the unbind and a closed socket", len(k.requests)-before, k.closed)
	}
}

// The kernel's error comes through, which go-nflog turns into text: without
// CAP_NET_ADMIN it refuses the first request, and a group that is taken only what
// concerns the group.
func TestGateRefused(t *testing.T) {
	defer goleak.VerifyNone(t)
	for request := 1; request <= 5; request++ {
		g, nf, err := open(t, &kernel{errno: map[int]error{request: unix.EPERM}})
		want := error(unix.EPERM)
		if request > 1 {
			want = ErrGroupTaken
		}
		if !errors.Is(err, want) {
			t.Errorf("request %d refused: %v, want %v", request, err, want)
		}
		if err := g.release(nf); err != nil {
			t.Error(err)
		}
	}
}

// An unbind that cannot be sent is not waited for: closing the socket unbinds too.
func TestGateUnbindNotSent(t *testing.T) {
	defer goleak.VerifyNone(t)
	k := new(kernel)
	g, nf, err := open(t, k)
	if err != nil {
		t.Fatal(err)
	}
	k.gone = true
	if err := g.release(nf); err != nil || !k.closed {
		t.Errorf("%v, closed %v", err, k.closed)
	}
}

// A lost answer ends in the deadline, not in waiting for ever.
func TestGateAnswerLost(t *testing.T) {
	defer goleak.VerifyNone(t)
	g, nf, err := open(t, &kernel{lost: true, noise: 10})
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want a deadline", err)
	}
	if err := g.release(nf); err != nil {
		t.Error(err)
	}
}
