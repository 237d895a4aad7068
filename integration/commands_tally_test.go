package integration

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/control"
)

// tally counts the messages that a watch without a filter shows, and those that
// it says it does not.
type tally struct {
	t              testing.TB
	shown, skipped atomic.Uint64
}

// startTally returns when it sees all that comes.
func startTally(t testing.TB, server *lab.Node) *tally {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := ask(t, server, func(c control.Client, _ context.Context) (*control.Watch, error) {
		return c.Watch(ctx, control.Filter{})
	})
	y := &tally{t: t}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			e, err := w.Next()
			if err != nil {
				return // the daemon or the test ends, or check finds some missing
			}
			if e.Verdict != "" {
				y.shown.Add(1)
			}
			y.skipped.Add(e.Skipped)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		w.Close()
	})
	return y
}

// check waits until it has been told of so many messages, and fails the test
// unless some were shown and some were not.
func (y *tally) check(want float64) {
	y.t.Helper()
	labtest.Eventually(y.t, 5*time.Second, "every message is shown or told to be skipped", func() error {
		if got := y.shown.Load() + y.skipped.Load(); float64(got) != want {
			return fmt.Errorf("%d of %v are", got, want)
		}
		return nil
	})
	if y.shown.Load() == 0 || y.skipped.Load() == 0 {
		y.t.Errorf("%d shown, %d skipped: want some of both", y.shown.Load(), y.skipped.Load())
	}
	y.t.Logf("%d messages shown, %d skipped", y.shown.Load(), y.skipped.Load())
}
