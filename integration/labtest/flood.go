//go:build linux

package labtest

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ptbrelay/integration/lab"
)

// Flood is a stream of frames from the router toward the servers, in the
// background until it is stopped, its count is reached or the test ends.
type Flood struct {
	t      testing.TB
	sender *lab.Sender
	cancel context.CancelFunc
	making atomic.Int64  // the frame that is being made
	done   chan struct{} // closed when the stream has ended; then the rest stands
	sent   int
	err    error
	close  sync.Once
}

// StartFlood starts a stream on the router's interface to the servers.
func StartFlood(t testing.TB, l *lab.Lab, st lab.Stream) *Flood {
	t.Helper()
	sender, err := l.Router.Sender("servers")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	f := &Flood{t: t, sender: sender, cancel: cancel, done: make(chan struct{})}
	fill := st.Fill
	st.Fill = func(n int, buf []byte) []byte {
		f.making.Store(int64(n))
		return fill(n, buf)
	}
	// One more thread for Go code: otherwise the stream would wait in line with
	// every goroutine of the test, and be thinnest when it is to hinder them.
	procs := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(procs + 1)
	go func() {
		defer close(f.done)
		defer runtime.GOMAXPROCS(procs)
		f.sent, f.err = sender.Stream(ctx, st)
	}()
	t.Cleanup(func() { f.Stop() })
	return f
}

// Sent is how many frames have been sent so far, or a few more: those of the
// batch that is being made, 64 at most.
func (f *Flood) Sent() int { return int(f.making.Load()) }

// Running reports whether frames are still to come.
func (f *Flood) Running() bool {
	select {
	case <-f.done:
		return false
	default:
		return true
	}
}

// Stop ends the flood and returns how many frames were sent. It may be called
// again.
func (f *Flood) Stop() int {
	f.t.Helper()
	f.cancel()
	<-f.done
	f.close.Do(func() {
		if f.err != nil {
			f.t.Errorf("the flood ended by itself: %v", f.err)
		}
		if err := f.sender.Close(); err != nil {
			f.t.Error(err)
		}
	})
	return f.sent
}

// Meter measures how many PTBs a second arrive at each server.
type Meter struct {
	t        testing.TB
	counters []*lab.Arrivals
	begin    time.Time
	counts   []uint64 // at begin
}

// NewMeter starts to count arrivals at every server, for the rest of the lab's
// life.
func NewMeter(t testing.TB, l *lab.Lab) *Meter {
	t.Helper()
	m := &Meter{t: t}
	for _, s := range l.Servers {
		a, err := s.CountArrivals()
		if err != nil {
			t.Fatal(err)
		}
		m.counters = append(m.counters, a)
	}
	m.Restart()
	return m
}

// Restart begins the time that Rates looks at.
func (m *Meter) Restart() {
	m.t.Helper()
	m.counts, m.begin = m.Counts(), time.Now()
}

// Counts is how many PTBs have arrived, by server, in all.
func (m *Meter) Counts() []uint64 {
	m.t.Helper()
	counts := make([]uint64, len(m.counters))
	for i, c := range m.counters {
		n, err := c.Read()
		if err != nil {
			m.t.Fatal(err)
		}
		counts[i] = n
	}
	return counts
}

// Rates is how many a second have arrived since the last Restart, by server.
func (m *Meter) Rates() []int {
	m.t.Helper()
	counts, seconds := m.Counts(), time.Since(m.begin).Seconds()
	rates := make([]int, len(counts))
	for i := range counts {
		rates[i] = int(float64(counts[i]-m.counts[i]) / seconds)
	}
	return rates
}
