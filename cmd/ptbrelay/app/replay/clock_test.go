package replay

import (
	"testing"
	"time"
)

// Time never goes back for the relay, and never beyond what it can count.
func TestClock(t *testing.T) {
	now, begun := time.Now(), time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	c := clock{begun: now}
	for i, step := range []struct {
		captured time.Time
		want     time.Duration
	}{
		{begun, 0},
		{begun.Add(time.Second), time.Second},
		{begun.Add(-time.Hour), time.Second},
		{begun.Add(999 * time.Millisecond), time.Second},
		{begun.Add(2 * time.Second), 2 * time.Second},
		{time.Unix(0, 0), 2 * time.Second},
		{time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC), longest},
		{begun, longest},
	} {
		if got := c.at(step.captured).Sub(now); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
}
