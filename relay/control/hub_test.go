package control

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ptbrelay/classify"
	"ptbrelay/relay/outcome"
)

var peer = netip.MustParseAddr("203.0.113.77")

func joined(t *testing.T, h *Hub, f Filter) *watcher {
	t.Helper()
	w, err := h.join(f)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// While nobody watches, a message costs nothing that a collector would have to
// clear away, before the first watcher and after the last.
func TestUnwatchedAllocatesNothing(t *testing.T) {
	var h Hub
	m := message("203.0.113.9")
	see := func() {
		h.Received(m, classify.Eligible, outcome.Relayed)
		h.Delivered(peer, m, classify.Eligible, outcome.Injected)
	}
	if n := testing.AllocsPerRun(1000, see); n != 0 {
		t.Errorf("%v allocations before anybody watched", n)
	}
	w := joined(t, &h, Filter{})
	h.leave(w)
	if n := testing.AllocsPerRun(1000, see); n != 0 {
		t.Errorf("%v allocations after the last one left", n)
	}
	if e := queued(w); len(e) > 0 {
		t.Errorf("one who left was shown %v", e)
	}
}

func BenchmarkUnwatched(b *testing.B) {
	var h Hub
	m := message("203.0.113.9")
	b.ReportAllocs()
	for b.Loop() {
		h.Received(m, classify.Eligible, outcome.Relayed)
	}
}

// A watched message that is not shown costs no allocation either.
func BenchmarkSkipped(b *testing.B) {
	var h Hub
	if _, err := h.join(Filter{}); err != nil {
		b.Fatal(err)
	}
	m := message("203.0.113.9")
	for range guestPace.queue() {
		h.Received(m, classify.Eligible, outcome.Relayed)
	}
	b.ReportAllocs()
	for b.Loop() {
		h.Received(m, classify.Eligible, outcome.Relayed)
	}
}

// A burst is shown at once, then so many a second; what is not shown is told
// with the next that is, and nothing goes uncounted.
func TestSampling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h Hub
		w := joined(t, &h, Filter{})
		m := message("203.0.113.9")
		const flood = 100_000
		for range flood {
			h.Received(m, classify.Eligible, outcome.Relayed)
		}
		shown := queued(w)
		if len(shown) != guestPace.burst {
			t.Fatalf("%d of a burst shown, want %d", len(shown), guestPace.burst)
		}
		if told := skippedIn(shown); told != 0 {
			t.Errorf("%d told as skipped before any was", told)
		}

		pass(time.Second)
		for range flood {
			h.Received(m, classify.Eligible, outcome.Relayed)
		}
		shown = queued(w)
		if len(shown) != guestPace.rate {
			t.Errorf("%d shown a second later, want %d", len(shown), guestPace.rate)
		}
		if got := shown[0].Skipped; got != flood-uint64(guestPace.burst) {
			t.Errorf("the first says that %d were skipped, want %d", got, flood-guestPace.burst)
		}
		if got := h.takeSkipped(w); got != flood-uint64(guestPace.rate) {
			t.Errorf("%d are left to tell, want %d", got, flood-guestPace.rate)
		}
		if got := h.takeSkipped(w); got != 0 {
			t.Errorf("%d are told twice", got)
		}

		pass(time.Hour)
		for range flood {
			h.Received(m, classify.Eligible, outcome.Relayed)
		}
		if got := len(queued(w)); got != guestPace.burst {
			t.Errorf("%d shown after a calm, want %d", got, guestPace.burst)
		}
	})
}

func skippedIn(events []Event) (n uint64) {
	for _, e := range events {
		n += e.Skipped
	}
	return n
}

// The rate is spent on what a filter lets through, so one message of its kind is
// found in any flood, also by the side of a watcher who has no filter.
func TestRareInFlood(t *testing.T) {
	var h Hub
	all := joined(t, &h, Filter{})
	rare := joined(t, &h, Filter{verdict: "mtu-too-small"})
	m := message("203.0.113.9")
	for i := range 200_000 {
		v := classify.Eligible
		if i == 150_000 {
			v = classify.MTUTooSmall
		}
		h.Received(m, v, outcome.Relayed)
	}
	got := queued(rare)
	if len(got) != 1 || got[0].Verdict != "mtu-too-small" || got[0].Outcome != "" || got[0].Skipped != 0 {
		t.Errorf("the filter found %+v", got)
	}
	if n := h.takeSkipped(rare); n != 0 {
		t.Errorf("%d skipped of the one that matched", n)
	}
	shown := queued(all)
	if n := uint64(len(shown)) + skippedIn(shown) + h.takeSkipped(all); n != 200_000 {
		t.Errorf("shown and skipped add up to %d", n)
	}
}

// A watcher who does not read holds a bounded queue and stops nobody; the calls
// come back and are counted.
func TestUnreadQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h Hub
		w := joined(t, &h, Filter{})
		m := message("203.0.113.9")
		const seconds, each = 20, 100_000
		for range seconds {
			for range each {
				h.Received(m, classify.Eligible, outcome.Relayed)
			}
			pass(time.Second)
		}
		if len(w.events) != guestPace.queue() {
			t.Errorf("%d wait, want %d", len(w.events), guestPace.queue())
		}
		if n := testing.AllocsPerRun(100, func() { h.Received(m, classify.Eligible, outcome.Relayed) }); n != 0 {
			t.Errorf("%v allocations for a message that is not shown", n)
		}
		shown := queued(w)
		if n := uint64(len(shown)) + skippedIn(shown) + h.takeSkipped(w); n < seconds*each {
			t.Errorf("shown and skipped add up to %d, want at least %d", n, seconds*each)
		}
	})
}

// Capture, sender and delivery goroutine call at once while watchers come and
// go: nothing is shown twice or lost without being counted.
func TestConcurrent(t *testing.T) {
	var h Hub
	w := joined(t, &h, Filter{})
	m := message("203.0.113.9")
	const callers, each = 3, 2000
	var callings sync.WaitGroup
	for i := range callers {
		callings.Go(func() {
			for range each {
				if i == 0 {
					h.Delivered(peer, m, classify.Eligible, outcome.Injected)
				} else {
					h.Received(m, classify.Eligible, outcome.Relayed)
				}
			}
		})
	}
	for range 100 {
		h.leave(joined(t, &h, Filter{}))
	}
	callings.Wait()
	shown := queued(w)
	if n := uint64(len(shown)) + skippedIn(shown) + h.takeSkipped(w); n != callers*each {
		t.Errorf("shown and skipped add up to %d, want %d", n, callers*each)
	}
	h.leave(w)
	if n := h.watching.Load(); n != 0 {
		t.Errorf("%d are left", n)
	}
}

func TestTooManyWatchers(t *testing.T) {
	var h Hub
	var all []*watcher
	for range maxWatchers {
		all = append(all, joined(t, &h, Filter{}))
	}
	if _, err := h.join(Filter{}); err == nil || !strings.Contains(err.Error(), "8 are watching already") {
		t.Errorf("one more: %v", err)
	}
	h.leave(all[3])
	h.leave(joined(t, &h, Filter{}))
	h.leave(all[3]) // again
	if n := h.watching.Load(); n != maxWatchers-1 {
		t.Errorf("%d watch, want %d", n, maxWatchers-1)
	}
}

// Every filter finds what it should of one message from the wire and two from a
// peer, and nothing else.
func TestFilters(t *testing.T) {
	for _, c := range []struct {
		client, verdict, outcome string
		want                     []string
	}{
		{"", "", "", []string{"relayed", "injected", "mtu-too-large", "not-ip", "paused", "paused"}},
		{"", "eligible", "", []string{"relayed", "injected", "paused", "paused"}},
		{"", "mtu-too-large", "", []string{"mtu-too-large"}},
		{"", "", "relayed", []string{"relayed"}},
		{"", "", "injected", []string{"injected"}},
		{"", "", "paused", []string{"paused", "paused"}},
		{"", "eligible", "not-local", nil},
		{"203.0.113.9", "", "", []string{"relayed", "paused"}},
		{"203.0.113.0/24", "", "", []string{"relayed", "injected", "mtu-too-large", "paused", "paused"}},
		{"203.0.113.8/31", "", "paused", []string{"paused"}},
		{"2001:db8::/32", "", "", nil},
		{"::/0", "", "", nil},
		{"0.0.0.0/0", "", "", []string{"relayed", "injected", "mtu-too-large", "paused", "paused"}},
	} {
		var h Hub
		f, err := ParseFilter(c.client, c.verdict, c.outcome)
		if err != nil {
			t.Fatal(err)
		}
		w := joined(t, &h, f)
		h.Received(message("203.0.113.9"), classify.Eligible, outcome.Relayed)
		h.Delivered(peer, message("203.0.113.10"), classify.Eligible, outcome.Injected)
		h.Delivered(peer, message("203.0.113.11"), classify.MTUTooLarge, outcome.Injected)
		h.Received(&classify.Message{}, classify.NotIP, outcome.Relayed)
		h.Received(message("203.0.113.9"), classify.Eligible, outcome.Paused)
		h.Delivered(peer, message("203.0.113.11"), classify.Eligible, outcome.PausedDelivery)
		var got []string
		for _, e := range queued(w) {
			switch {
			case e.Verdict != "eligible":
				got = append(got, e.Verdict)
			default:
				got = append(got, e.Outcome+e.Delivery)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q %q %q: %q, want %q", c.client, c.verdict, c.outcome, got, c.want)
		}
	}
}
