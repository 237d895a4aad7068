package control

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"ptbrelay/classify"
	"ptbrelay/relay/outcome"
)

// watchRefused watches until the function that it returns is called, which returns
// what was shown.
func watchRefused(t *testing.T, h *Hub) func() []Event {
	ctx, cancel := context.WithCancel(t.Context())
	var shown []Event
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.Refused(ctx, func(e Event) { shown = append(shown, e) })
	}()
	synctest.Wait()
	return func() []Event {
		synctest.Wait()
		cancel()
		<-done
		return shown
	}
}

// All that was not relayed and not injected is shown, and nothing else; afterwards
// nothing is.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h Hub
		end := watchRefused(t, &h)
		m := message("203.0.113.9")
		for o := range outcome.NumOutcomes {
			h.Received(m, classify.Eligible, o)
		}
		h.Received(m, classify.ForeignVIP, outcome.Relayed) // the outcome says nothing
		pass(2 * time.Second)                               // the bucket is full again
		for d := range outcome.NumDeliveries {
			h.Delivered(peer, m, classify.Eligible, d)
		}
		h.Delivered(peer, m, classify.ForeignPort, outcome.Injected)
		shown := end()
		var got []string
		for _, e := range shown {
			switch {
			case e.Verdict != "eligible":
				got = append(got, e.Verdict)
			default:
				got = append(got, e.Outcome+e.Delivery)
			}
		}
		want := append(outcomesBut(outcome.Relayed), "foreign-vip")
		want = append(append(want, deliveriesBut(outcome.Injected)...), "foreign-port")
		if !slices.Equal(got, want) {
			t.Errorf("shown %q\nwant %q", got, want)
		}
		if n := h.watching.Load(); n != 0 {
			t.Errorf("%d still watch", n)
		}
	})
}

func outcomesBut(but outcome.Outcome) (names []string) {
	for o := range outcome.NumOutcomes {
		if o != but {
			names = append(names, o.String())
		}
	}
	return names
}

func deliveriesBut(but outcome.Delivery) (names []string) {
	for d := range outcome.NumDeliveries {
		if d != but {
			names = append(names, d.String())
		}
	}
	return names
}

// In a flood a sample is shown, and how many were not; what is relayed takes nothing
// from it.
func TestRefusedIsSampled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h Hub
		end := watchRefused(t, &h)
		m := message("203.0.113.9")
		const flood, seconds = 10_000, 3
		for range seconds {
			for range flood {
				h.Received(m, classify.Eligible, outcome.Relayed)
				h.Received(m, classify.MTUTooSmall, 0)
			}
			pass(time.Second)
		}
		shown := end()
		if want := refusedPace.burst + (seconds-1)*refusedPace.rate; len(shown) != want {
			t.Errorf("%d shown, want %d", len(shown), want)
		}
		// Each second's first tells of what the second before did not show.
		if got, want := skippedIn(shown), uint64((seconds-1)*flood-refusedPace.burst-(seconds-2)*refusedPace.rate); got != want {
			t.Errorf("%d skipped, want %d", got, want)
		}
	})
}

// The log takes no place from those who watch, nor they its own.
func TestRefusedTakesNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h Hub
		end := watchRefused(t, &h)
		for range maxWatchers {
			joined(t, &h, Filter{})
		}
		if _, err := h.join(Filter{}); err == nil {
			t.Error("one more than there are places for")
		}
		h.Received(message("203.0.113.9"), classify.NotPTB, 0)
		if shown := end(); len(shown) != 1 {
			t.Errorf("shown %v", shown)
		}
	})
}
