//go:build linux

package lab

import (
	"math"
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	start := time.Unix(0, 0)
	p := newPace(Stream{Rate: 1000}, start)
	for _, step := range []struct {
		at          time.Duration
		limit, want int
	}{
		{0, 9, 1},
		{999 * time.Microsecond, 9, 0},
		{time.Millisecond, 9, 1},
		{4 * time.Millisecond, 2, 2},
		{4 * time.Millisecond, 9, 1},   // what was above the limit stays due
		{4 * time.Millisecond, 9, 0},   // and no more
		{time.Second, 99, 21},          // a long delay is not made up for
		{time.Second + 1, 9, 0},        //
		{time.Second + 2e6, 9, 2},      // and the pace goes on
		{3*time.Second + 5e6, 0, 0},    // the same while
		{3*time.Second + 10e6, 0, 0},   // nothing
		{3*time.Second + 10e6, 99, 21}, // is taken
		{3*time.Second + 11e6, 9, 1},   //
	} {
		if got := p.take(start.Add(step.at), step.limit); got != step.want {
			t.Fatalf("at %v: %d of %d, want %d", step.at, got, step.limit, step.want)
		}
	}
}

func TestPaceWithoutLimit(t *testing.T) {
	p := newPace(Stream{}, time.Now())
	if got := p.take(time.Time{}, 64); got != 64 {
		t.Errorf("%d are due", got)
	}
}

// Of frames at random distances a third come later than the average (1/e), and
// the rate is that of a steady stream.
func TestPaceScattered(t *testing.T) {
	const frames = 10_000
	start := time.Unix(0, 0)
	p := newPace(Stream{Rate: 1000, Scattered: true}, start)
	now, late := start, 0
	for range frames {
		if p.take(now, 1) != 1 {
			t.Fatal("a frame is not due when it is")
		}
		if p.next.Sub(now) > time.Millisecond {
			late++
		}
		now = p.next
	}
	if share := float64(late) / frames; math.Abs(share-1/math.E) > 0.05 {
		t.Errorf("%.0f %% of the distances are above average, want %.0f", 100*share, 100/math.E)
	}
	if seconds := now.Sub(start).Seconds(); seconds < 9 || seconds > 11 {
		t.Errorf("%d frames at 1000 a second take %.1f s", frames, seconds)
	}
}
