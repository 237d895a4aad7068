//go:build linux

package labtest

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ptbrelay/integration/lab"
)

// markerWithin bounds how long a marker may be on its way.
const markerWithin = 5 * time.Second

// Tap records PTBs and marker frames on a node's interface until the test
// ends; frames lost by the tap itself then fail the test.
func Tap(t testing.TB, n *lab.Node, iface string) *lab.Tap {
	t.Helper()
	return TapWith(t, n, iface, lab.TapOptions{})
}

// TapWith is Tap with options.
func TapWith(t testing.TB, n *lab.Node, iface string, o lab.TapOptions) *lab.Tap {
	t.Helper()
	tap, err := n.Tap(iface, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		dropped, err := tap.Dropped()
		if err != nil {
			t.Error(err)
		}
		if dropped > 0 {
			t.Errorf("tap on %s %s lost %d frames; what it shows cannot be trusted", n.Name(), iface, dropped)
		}
		if err := tap.Close(); err != nil {
			t.Error(err)
		}
	})
	return tap
}

// TapServers is [Tap] on every server's eth0, in order.
func TapServers(t testing.TB, l *lab.Lab) []*lab.Tap {
	t.Helper()
	var taps []*lab.Tap
	for _, s := range l.Servers {
		taps = append(taps, Tap(t, s, "eth0"))
	}
	return taps
}

// Marker makes a broadcast frame that no other is equal to: EtherType 0x88B5,
// a text and a nonce. Its source is a MAC address that nobody has.
func Marker() []byte {
	frame := append(Broadcast[:], 0x02, 0, 0x5e, 0xff, 0xff, 0xff)
	frame = binary.BigEndian.AppendUint16(frame, lab.MarkerEtherType)
	frame = append(frame, "lab marker "...)
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce) // never fails
	frame = append(frame, nonce...)
	return append(frame, make([]byte, 60-len(frame))...) // Ethernet's least
}

// Fence sends markers from a node's interface and returns what the tap
// recorded before the last of them came by, without them. Whatever was put on
// the same path earlier is among it, so what is not among it did not come.
//
// Virtual cables keep order only among frames sent on one CPU, so there is a
// marker from each.
func Fence(t testing.TB, from *lab.Node, iface string, tap *lab.Tap) []lab.Frame {
	t.Helper()
	pending := make(map[string]bool)
	err := onEveryCPU(func() error {
		marker := Marker()
		pending[string(marker)] = true
		return from.SendFrame(iface, marker)
	})
	if err != nil {
		t.Fatal(err)
	}
	var before []lab.Frame
	seen := 0
	ctx, cancel := context.WithTimeout(t.Context(), markerWithin)
	defer cancel()
	_, err = tap.Wait(ctx, func(frames []lab.Frame) bool {
		for ; seen < len(frames) && len(pending) > 0; seen++ {
			if f := frames[seen]; pending[string(f.Data)] {
				delete(pending, string(f.Data))
			} else {
				before = append(before, f)
			}
		}
		return len(pending) == 0
	})
	if err != nil {
		t.Fatalf("marker from %s %s: %v", from.Name(), iface, err)
	}
	return before
}

// onEveryCPU runs f once on each CPU that this thread may use.
func onEveryCPU(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return fmt.Errorf("read the CPU affinity: %w", err)
	}
	var errs []error
	for cpu, left := 0, allowed.Count(); left > 0; cpu++ {
		if !allowed.IsSet(cpu) {
			continue
		}
		left--
		var one unix.CPUSet
		one.Set(cpu)
		if err := unix.SchedSetaffinity(0, &one); err != nil {
			continue // it went offline; then nothing waits there
		}
		errs = append(errs, f())
	}
	return errors.Join(append(errs, unix.SchedSetaffinity(0, &allowed))...)
}
