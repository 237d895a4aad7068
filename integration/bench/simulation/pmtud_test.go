package simulation

import (
	"slices"
	"testing"
	"time"

	"ptbrelay/classify"
)

// As pmtud counts: 1.1 a second with a burst of 1.9 of that is two at once and
// then one every 909 ms, of one router; 19 at once of many.
func TestPMTUD(t *testing.T) {
	admitted := func(routers int, period int64) (n int) {
		p := PMTUD().make(1)
		for now := int64(0); now < period; now += millisecond {
			if p.admit(now, ptb(address(uint32(now/millisecond)%uint32(routers)), 0)) {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		routers int
		period  int64
		want    int
	}{{1, 10 * millisecond, 2}, {1, 10 * second, 2 + 11}, {1000, 100 * millisecond, 19}, {10_000, 10 * second, 19 + 99}} {
		if got := admitted(c.routers, c.period); got < c.want-1 || got > c.want+1 {
			t.Errorf("%d copies in %v about %d routers, want %d", got, time.Duration(c.period), c.routers, c.want)
		}
	}
}

// A recorded trace is judged on its own clock, and first copies are told.
func TestReplay(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	recorded := []*classify.Message{ptb(realRouter, 1), ptb(realRouter, 1), ptb(realRouter, 2), ptb(realRouter, 3), ptb(realRouter, 2)}
	copied := PMTUD().Replay(1, func(yield func(time.Time, *classify.Message) bool) {
		for i, m := range recorded {
			if !yield(start.Add(time.Duration(i)*400*time.Millisecond), m) {
				return
			}
		}
	})
	// 2.09 tokens and 0.44 more by each PTB: the third and the fifth find none.
	want := []time.Duration{0, -1, 1200 * time.Millisecond}
	var got []time.Duration
	for _, m := range []*classify.Message{recorded[0], recorded[2], recorded[3]} {
		at, ok := copied[m.Flow]
		if !ok {
			at = start.Add(-1)
		}
		got = append(got, at.Sub(start))
	}
	if !slices.Equal(got, want) {
		t.Errorf("first copies after %v, want %v", got, want)
	}
}
