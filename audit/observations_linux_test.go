package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter/mmdbtype"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/labtest"
)

// What observes PTBs, as the relay declares it.
var _ interface {
	Observe(*classify.Message, [6]byte)
} = (*Observations)(nil)

// Two goroutines observe, one counts, others report all the while: nothing is
// lost that is not counted as missed, and every report adds up.
func TestObservationsFromManySides(t *testing.T) {
	const messages = 50_000
	o := NewQueuedObservations(nil)
	running, stop := context.WithCancel(t.Context())
	var observers, others sync.WaitGroup
	others.Go(func() { o.Run(running) })
	four, six := ptb(t, classifytest.PTB{}), ptb(t, classifytest.PTB{Family: classify.IPv6})
	observers.Go(func() {
		for range messages {
			o.Observe(four, macA)
			o.Observe(six, macB)
		}
	})
	observers.Go(func() {
		s := syn(t, classifytest.SYN{})
		for range messages {
			o.ObserveSYN(s, macA)
		}
	})
	for range 2 {
		others.Go(func() {
			for running.Err() == nil {
				for _, v := range report(o).NextHopMTU {
					if len(v.Counts) > 1 || len(v.Counts) == 1 && (v.Counts[0].Count != v.Samples || v.Counts[0].Cumulative != 1) {
						t.Errorf("%+v", v)
						return
					}
				}
			}
		})
	}
	observers.Wait()
	stop()
	others.Wait()

	r := report(o)
	if r.NextHopMTU[0].Samples != messages || r.NextHopMTU[1].Samples != messages || r.MSS[0].Samples != messages {
		t.Errorf("%d and %d PTBs and %d SYNs counted, want %d each", r.NextHopMTU[0].Samples, r.NextHopMTU[1].Samples, r.MSS[0].Samples, messages)
	}
	for _, side := range []struct {
		name string
		seen uint64
		n    NetworkSide
	}{{"PTBs", 2 * messages, r.Networks.PTBs}, {"SYNs", messages, r.Networks.SYNs}} {
		counted := uint64(0)
		for _, p := range side.n.Prefixes {
			counted += p.Count
		}
		if side.n.Samples+side.n.Missed != side.seen || counted != side.n.Samples {
			t.Errorf("%s: %d looked at, %d missed, %d of networks; %d were seen", side.name, side.n.Samples, side.n.Missed, counted, side.seen)
		}
	}
}

// Run counts networks by itself, and ends with its context.
func TestRunCounts(t *testing.T) {
	o := NewQueuedObservations(nil)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { o.Run(ctx) })
	o.Observe(ptb(t, classifytest.PTB{}), macA)
	o.ObserveSYN(syn(t, classifytest.SYN{}), macA)
	for _, s := range []*side{&o.ptbs, &o.syns} {
		labtest.Eventually(t, 10*time.Second, "Run counts the network", func() error {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.networks.samples != 1 {
				return fmt.Errorf("%d samples, want 1", s.networks.samples)
			}
			return nil
		})
	}
	stop()
	running.Wait()
}

// Nobody counts: the queue takes what it has room for, the values stay exact, and
// a report counts what the queue holds.
func TestFullQueueIsMissed(t *testing.T) {
	o := NewQueuedObservations(nil)
	m, s := ptb(t, classifytest.PTB{}), syn(t, classifytest.SYN{})
	for range ptbSlots + 100 {
		o.Observe(m, macA)
	}
	for range synSlots + 7 {
		o.ObserveSYN(s, macA)
	}
	r := report(o)
	if n := r.Networks.PTBs; n.Samples != ptbSlots || n.Missed != 100 || r.NextHopMTU[0].Samples != ptbSlots+100 {
		t.Errorf("PTBs: %d looked at, %d missed, %d counted", n.Samples, n.Missed, r.NextHopMTU[0].Samples)
	}
	if n := r.Networks.SYNs; n.Samples != synSlots || n.Missed != 7 || r.MSS[0].Samples != synSlots+7 {
		t.Errorf("SYNs: %d looked at, %d missed, %d counted", n.Samples, n.Missed, r.MSS[0].Samples)
	}
	o.Observe(m, macA)
	if n := report(o).Networks.PTBs; n.Samples != ptbSlots+1 || n.Missed != 100 {
		t.Errorf("afterwards %d looked at, %d missed", n.Samples, n.Missed)
	}
}

// What the queue hands over is what went in, in order, however often it is full.
func TestQueue(t *testing.T) {
	q := newQueue(8)
	put, taken := uint32(0), uint32(0)
	for round := range 100 {
		for range round % 11 {
			if q.put(&sample{mtu: put}) {
				put++
			} else if put-taken != 8 {
				t.Fatalf("full with %d of 8", put-taken)
			}
		}
		if round%3 == 0 {
			q.drain(func(s *sample) {
				if s.mtu != taken {
					t.Fatalf("got %d, want %d", s.mtu, taken)
				}
				taken++
			})
			if put != taken {
				t.Fatalf("%d went in, %d came out", put, taken)
			}
		}
	}
}

// Lists are lists in JSON, also where nothing was seen: scripts trip over null.
func TestEmptyReport(t *testing.T) {
	r := report(NewObservations(nil))
	r.Messages.Verdicts = map[string]map[string]uint64{} // the caller's
	text, err := json.Marshal(r)
	if err != nil || strings.Contains(string(text), "null") {
		t.Errorf("%v: %s", err, text)
	}
}

func TestObservingDoesNotAllocate(t *testing.T) {
	m, s := ptb(t, classifytest.PTB{}), syn(t, classifytest.SYN{})
	for name, o := range map[string]*Observations{"direct": NewObservations(nil), "queued": NewQueuedObservations(nil)} {
		if n := testing.AllocsPerRun(1000, func() {
			o.Observe(m, macA)
			o.ObserveSYN(s, macA)
			o.ptbs.drain()
			o.syns.drain()
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// All memory is there from the start, and is no more than 4 MiB.
func TestMemoryOfObservations(t *testing.T) {
	var before, after runtime.MemStats
	db := systems(t, 6, map[string]mmdbtype.Map{"198.51.100.0/24": record(64496, "Example")})
	runtime.ReadMemStats(&before)
	o := NewQueuedObservations(db)
	runtime.ReadMemStats(&after)
	bytes := after.TotalAlloc - before.TotalAlloc
	t.Logf("%d bytes", bytes)
	if bytes > 4<<20 {
		t.Errorf("%d bytes, want at most %d", bytes, 4<<20)
	}
	runtime.KeepAlive(o)
}

// What the capture goroutine pays for a message.
func BenchmarkObserve(b *testing.B) {
	m := ptb(b, classifytest.PTB{})
	b.Run("direct", func(b *testing.B) {
		o := NewObservations(nil)
		b.ReportAllocs()
		for b.Loop() {
			o.Observe(m, macA)
		}
	})
	b.Run("queued", func(b *testing.B) {
		o := NewQueuedObservations(nil)
		b.ReportAllocs()
		for i := 1; b.Loop(); i++ {
			o.Observe(m, macA)
			if i%ptbSlots == 0 { // as another goroutine does, at its own cost
				b.StopTimer()
				o.ptbs.drain()
				b.StartTimer()
			}
		}
		if missed := o.ptbs.missed.Load(); missed > 0 {
			b.Errorf("%d missed", missed)
		}
	})
}
