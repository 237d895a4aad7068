package transport

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"
)

const (
	// echoRate bounds the answers a second, for anybody on the segment can ask.
	echoRate = 10
	// mostEchoes bounds what one Ask collects, for anybody on the segment can answer,
	// under as many addresses as they like.
	mostEchoes = 4096
)

// Echo asks who else runs ptbrelay on a segment, and answers those who ask. It
// proves that broadcast frames get there and a daemon runs; whether that host's
// kernel takes PTBs from such frames is its own affair. The frames are described
// at [echoFrame].
type Echo struct {
	file       *os.File
	conn       syscall.RawConn
	interfaces atomic.Pointer[[]Interface]
	answers    *rate.Limiter

	mu    sync.Mutex
	asked map[nonce]*inquiry
}

// inquiry is one call of Ask.
type inquiry struct {
	sent   time.Time
	echoes []EchoHeard
}

// EchoHeard is one answer to [Echo.Ask].
type EchoHeard struct {
	MAC       [6]byte
	Interface string
	RoundTrip time.Duration
	// Clock is the other's clock minus ours, give or take half the round trip
	// and a millisecond.
	Clock time.Duration
}

// OpenEcho opens the socket, which needs CAP_NET_RAW.
func OpenEcho(interfaces []Interface) (*Echo, error) {
	fd, err := openPacketSocket()
	if err != nil {
		return nil, err
	}
	e := &Echo{file: os.NewFile(uintptr(fd), "echo"), asked: make(map[nonce]*inquiry), answers: rate.NewLimiter(echoRate, echoRate)}
	e.SetInterfaces(interfaces)
	if err := listenForEchoes(fd); err != nil {
		return nil, errors.Join(fmt.Errorf("listen for echoes: %w", err), e.file.Close())
	}
	if e.conn, err = e.file.SyscallConn(); err != nil {
		return nil, errors.Join(err, e.file.Close())
	}
	return e, nil
}

// listenForEchoes binds the socket to the EtherType and drops in the kernel what
// others use it for.
func listenForEchoes(fd int) error {
	filter, err := bpf.Assemble(isEcho)
	if err != nil {
		return err
	}
	program := make([]unix.SockFilter, len(filter))
	for i, f := range filter {
		program[i] = unix.SockFilter{Code: f.Op, Jt: f.Jt, Jf: f.Jf, K: f.K}
	}
	err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	if err != nil {
		return err
	}
	return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(echoEtherType)})
}

// SetInterfaces replaces the interfaces to ask and answer on. Any goroutine may
// call it.
func (e *Echo) SetInterfaces(interfaces []Interface) {
	interfaces = slices.Clone(interfaces)
	e.interfaces.Store(&interfaces)
}

// Run answers and collects answers until the context ends; then it returns nil.
func (e *Echo) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		_ = e.file.SetReadDeadline(time.Now()) // fails only on a closed socket, which ends Run as well
	})()
	buffer := make([]byte, 2*echoLength)
	for {
		n, from, err := e.receive(buffer)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !errors.Is(err, unix.ENETDOWN):
			return fmt.Errorf("receive echoes: %w", err)
		case err == nil && from != nil:
			e.take(buffer[:n], from, time.Now())
		}
	}
}

func (e *Echo) receive(buffer []byte) (n int, from *unix.SockaddrLinklayer, err error) {
	readErr := e.conn.Read(func(fd uintptr) bool {
		var sa unix.Sockaddr
		n, sa, err = unix.Recvfrom(int(fd), buffer, unix.MSG_DONTWAIT)
		from, _ = sa.(*unix.SockaddrLinklayer)
		return !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
	})
	return n, from, errors.Join(readErr, err)
}

// take answers an ask and notes an answer.
func (e *Echo) take(b []byte, from *unix.SockaddrLinklayer, now time.Time) {
	f, ok := parseEcho(b)
	own, here := e.own(from.Ifindex)
	if !ok || !here || from.Pkttype == unix.PACKET_OUTGOING || e.ours(f.from) {
		return
	}
	switch {
	case f.kind == echoAsk && from.Pkttype == unix.PACKET_BROADCAST && e.answers.AllowN(now, 1):
		answer := echoFrame{to: f.from, from: own.MAC, kind: echoAnswer, nonce: f.nonce, ms: now.UnixMilli()}
		_ = e.send(own, answer) // who asked will miss it, and asks again
	case f.kind == echoAnswer && from.Pkttype == unix.PACKET_HOST:
		e.note(f, own.Name, now)
	}
}

func (e *Echo) note(f echoFrame, iface string, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	q, ok := e.asked[f.nonce]
	if !ok || len(q.echoes) == mostEchoes || slices.ContainsFunc(q.echoes, func(h EchoHeard) bool { return h.MAC == f.from }) {
		return
	}
	trip := now.Sub(q.sent)
	middle := q.sent.Add(trip / 2)
	q.echoes = append(q.echoes, EchoHeard{
		MAC: f.from, Interface: iface, RoundTrip: trip, Clock: time.UnixMilli(f.ms).Sub(middle.Truncate(time.Millisecond)),
	})
}

// Ask sends one frame on every interface and returns who answered before the
// context ended. Run must be running.
func (e *Echo) Ask(ctx context.Context) ([]EchoHeard, error) {
	var n nonce
	_, _ = rand.Read(n[:]) // never fails
	q := &inquiry{sent: time.Now()}
	e.mu.Lock()
	e.asked[n] = q
	e.mu.Unlock()
	var errs []error
	for _, i := range *e.interfaces.Load() {
		if i.Index == 0 {
			errs = append(errs, fmt.Errorf("interface %s: %w", i.Name, errAbsent))
			continue
		}
		err := e.send(i, echoFrame{to: broadcastMAC, from: i.MAC, kind: echoAsk, nonce: n, ms: q.sent.UnixMilli()})
		if err != nil {
			errs = append(errs, fmt.Errorf("interface %s: %w", i.Name, err))
		}
	}
	<-ctx.Done()
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.asked, n)
	return q.echoes, errors.Join(errs...)
}

func (e *Echo) send(i Interface, f echoFrame) (err error) {
	to := &unix.SockaddrLinklayer{Ifindex: i.Index, Protocol: networkOrder(echoEtherType), Halen: 6}
	copy(to.Addr[:], f.to[:])
	controlErr := e.conn.Control(func(fd uintptr) {
		err = unix.Sendto(int(fd), f.bytes(), unix.MSG_DONTWAIT, to)
	})
	return errors.Join(controlErr, err)
}

func (e *Echo) own(index int) (Interface, bool) {
	for _, i := range *e.interfaces.Load() {
		if i.Index == index && index != 0 {
			return i, true
		}
	}
	return Interface{}, false
}

// ours tells the frames of another of our interfaces on the same segment.
func (e *Echo) ours(mac [6]byte) bool {
	return slices.ContainsFunc(*e.interfaces.Load(), func(i Interface) bool { return i.MAC == mac })
}

// Close closes the socket.
func (e *Echo) Close() error { return e.file.Close() }
