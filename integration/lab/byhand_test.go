//go:build linux

package lab_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

func TestBroadcastByHandHealsEveryFlow(t *testing.T) {
	l := labtest.New(t, lab.Options{})
	healedByHand(t, l, func(server int, f lab.Frame) error {
		// The source must change too, or the switch would look for the router
		// behind this server.
		frame := slices.Clone(f.Data)
		copy(frame, labtest.Broadcast[:])
		copy(frame[6:12], f.Data[0:6])
		return l.Servers[server].SendFrame("eth0", frame)
	})
}

// In a routed fabric a PTB that a server hands to its own kernel on loopback is
// applied there, strict reverse path filtering or not.
func TestInjectionByHandHealsEveryFlow(t *testing.T) {
	l := labtest.New(t, lab.Options{Shape: lab.ShapeRouted})
	var sockets []injector
	for _, s := range l.Servers {
		sockets = append(sockets, newInjector(t, s))
	}
	healedByHand(t, l, func(server int, f lab.Frame) error {
		var errs []error
		for i, s := range sockets {
			if i != server {
				errs = append(errs, s.inject(f.Data[14:]))
			}
		}
		return errors.Join(errs...)
	})
}

// healedByHand checks that every download finishes where each PTB that comes in
// on a server is relayed by relay.
func healedByHand(t *testing.T, l *lab.Lab, relay func(server int, f lab.Frame) error) {
	t.Helper()
	taps := labtest.TapServers(t, l)
	preflight(t, l)
	ctx, cancel := context.WithCancel(t.Context())
	relaying := make(chan error, 1)
	go func() { relaying <- relayNew(ctx, taps, relay) }()
	r := labtest.Downloads(t, l, lab.Load{})
	cancel()
	if err := <-relaying; err != nil {
		t.Error(err)
	}
	if err := r.CheckHash(l.Landings(taps)); err != nil {
		t.Error(err)
	}
	if s := r.Summary(); s.Stalled > 0 {
		t.Errorf("%v", s)
	}
	expectExceptions(t, l, r)
	t.Logf("%v", r.Summary())
}

// relayNew relays every PTB that comes in on a server from now on, until ctx
// ends.
func relayNew(ctx context.Context, taps []*lab.Tap, relay func(server int, f lab.Frame) error) error {
	errs := make(chan error, len(taps))
	for i, tap := range taps {
		go func() {
			done := len(tap.Frames())
			for {
				frames, err := tap.Wait(ctx, func(f []lab.Frame) bool { return len(f) > done })
				if ctx.Err() != nil {
					errs <- nil
					return
				}
				if err != nil {
					errs <- err
					return
				}
				for _, f := range frames[done:] {
					if f.Type != lab.PacketHost {
						continue
					}
					if err := relay(i, f); err != nil {
						errs <- err
						return
					}
				}
				done = len(frames)
			}
		}()
	}
	for range taps {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

// injector hands packets to the kernel of the node that it was made on.
type injector struct{ four, six int } // raw sockets, header included

func newInjector(t *testing.T, n *lab.Node) injector {
	t.Helper()
	var s injector
	err := n.Do(func() (err error) {
		if s.four, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW); err != nil {
			return err
		}
		s.six, err = unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(unix.Close(s.four), unix.Close(s.six)) })
	return s
}

// inject sends a packet to where its destination says: a VIP, so to loopback.
func (s injector) inject(packet []byte) error {
	if packet[0]>>4 == 4 {
		return unix.Sendto(s.four, packet, 0, &unix.SockaddrInet4{Addr: [4]byte(packet[16:])})
	}
	return unix.Sendto(s.six, packet, 0, &unix.SockaddrInet6{Addr: [16]byte(packet[24:])})
}
