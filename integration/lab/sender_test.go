//go:build linux

package lab_test

import (
	"context"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// numbered is a frame that says its number, and is longer for larger ones.
func numbered(n int, buf []byte) []byte {
	frame := append(buf[:0], labtest.Marker()...)
	frame = binary.BigEndian.AppendUint32(frame, uint32(n))
	return append(frame, make([]byte, n%1000)...)
}

// numbers reads what numbered wrote, sorted.
func numbers(frames []lab.Frame) (found []int) {
	const at = 60 // the length of a marker
	for _, f := range frames {
		if len(f.Data) >= at+4 {
			found = append(found, int(binary.BigEndian.Uint32(f.Data[at:])))
		}
	}
	slices.Sort(found)
	return found
}

func sender(t *testing.T, n *lab.Node, iface string) *lab.Sender {
	t.Helper()
	s, err := n.Sender(iface)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // tests may have closed it
	return s
}

// Every frame given to Send or made by Fill comes out at the other end, once and
// whole.
func TestSenderSendsEachFrameOnce(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 1})
	s := sender(t, l.Router, "servers")
	for name, send := range map[string]func(count int) error{
		"send": func(count int) error {
			var frames [][]byte
			for n := range count {
				frames = append(frames, numbered(n, nil))
			}
			return s.Send(frames)
		},
		"stream": func(count int) error {
			_, err := s.Stream(t.Context(), lab.Stream{Count: count, Fill: numbered})
			return err
		},
		"paced stream": func(count int) error {
			_, err := s.Stream(t.Context(), lab.Stream{Count: count, Rate: 10000, Fill: numbered})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			tap := labtest.Tap(t, l.Servers[0], "eth0")
			const count = 300 // several batches and a part of one
			if err := send(count); err != nil {
				t.Fatal(err)
			}
			frames := labtest.Fence(t, l.Router, "servers", tap)
			got := numbers(frames)
			if len(got) != count || got[0] != 0 || got[count-1] != count-1 || len(slices.Compact(got)) != count {
				t.Fatalf("%d frames sent, came in: %v", count, got)
			}
			for _, f := range frames {
				if n := int(binary.BigEndian.Uint32(f.Data[60:])); len(f.Data) != len(numbered(n, nil)) {
					t.Errorf("frame %d has %d bytes, want %d", n, len(f.Data), len(numbered(n, nil)))
				}
			}
		})
	}
}

// A stream ends with its context, without an error, and says how many it sent.
func TestStreamEndsWithContext(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 1})
	for _, rate := range []int{0, 20000} {
		s := sender(t, l.Router, "servers")
		tap := labtest.Tap(t, l.Servers[0], "eth0")
		ctx, cancel := context.WithCancel(t.Context())
		sent, err := s.Stream(ctx, lab.Stream{Rate: rate, Count: 1 << 14, Fill: func(n int, buf []byte) []byte {
			if n == 100 {
				cancel()
			}
			return numbered(n, buf)
		}})
		cancel()
		if err != nil || sent < 100 || sent == 1<<14 {
			t.Fatalf("rate %d: sent %d, %v", rate, sent, err)
		}
		if got := numbers(labtest.Fence(t, l.Router, "servers", tap)); len(got) != sent {
			t.Errorf("rate %d: %d sent, %d came in", rate, sent, len(got))
		}
	}
}

func TestStreamEndsWhenSenderIsClosed(t *testing.T) {
	n := labtest.Node(t, "n")
	s := sender(t, n, "lo")
	failed := make(chan error, 1)
	go func() {
		_, err := s.Stream(t.Context(), lab.Stream{Rate: 1000, Count: 1 << 30, Fill: numbered})
		failed <- err
	}()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-failed:
		if err == nil {
			t.Error("no error from a stream whose sender was closed")
		}
	case <-time.After(5 * time.Second):
		t.Error("the stream goes on after Close")
	}
}

func TestSenderRefuses(t *testing.T) {
	n := labtest.Node(t, "n")
	if _, err := n.Sender("nosuch"); err == nil {
		t.Error("a sender on an interface that is not there")
	}
	s := sender(t, n, "lo")
	for _, st := range []lab.Stream{
		{Count: 0, Fill: numbered},
		{Count: 1, Rate: -1, Fill: numbered},
		{Count: 1},
	} {
		if sent, err := s.Stream(t.Context(), st); err == nil || sent != 0 {
			t.Errorf("%+v: sent %d without an error", st, sent)
		}
	}
	if err := s.Send([][]byte{make([]byte, 1<<20)}); err == nil {
		t.Error("a frame larger than the interface takes was sent")
	}
}

// BenchmarkStream is the top rate over a cable and a switch to a host that does
// nothing with the frames.
func BenchmarkStream(b *testing.B) {
	l, err := lab.New(b.Context(), lab.Options{Clients: 1, Servers: 1})
	if err != nil {
		b.Skip(err)
	}
	defer l.Close()
	s, err := l.Router.Sender("servers")
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	frame := labtest.Marker()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Stream(b.Context(), lab.Stream{Count: 1000, Fill: func(_ int, buf []byte) []byte {
			return append(buf[:0], frame...)
		}}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "frames/s")
}
