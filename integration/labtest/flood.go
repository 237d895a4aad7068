//go:build linux

package labtest

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

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

// StartFlood starts a stream on the router's interface to server 0, in shape l2
// to all servers.
func StartFlood(t testing.TB, l *lab.Lab, st lab.Stream) *Flood {
	t.Helper()
	return StartFloodToward(t, l, 0, st)
}

// StartFloodToward starts a stream on the router's interface to a server.
func StartFloodToward(t testing.TB, l *lab.Lab, server int, st lab.Stream) *Flood {
	t.Helper()
	sender, err := l.Router.Sender(l.RouterInterface(server))
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
