//go:build linux

package lab

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	start := time.Unix(0, 0)
	at := func(d time.Duration) time.Time { return start.Add(d) }
	p := newPace(1000, start)
	for _, step := range []struct {
		at   time.Duration
		due  int
		took int
	}{
		{0, 1, 1},
		{999 * time.Microsecond, 0, 0},
		{time.Millisecond, 1, 1},
		{4 * time.Millisecond, 3, 2},
		{4 * time.Millisecond, 1, 1},       // what was not sent stays due
		{4 * time.Millisecond, 0, 0},       // and no more
		{time.Second, 21, 21},              // a long delay is not made up for
		{time.Second + 1, 0, 0},            //
		{time.Second + 2e6, 2, 2},          // and the pace goes on
		{3*time.Second + 5e6, 21, 0},       // the same while
		{3*time.Second + 10e6, 21, 0},      // nothing
		{3*time.Second + 10e6 + 1, 21, 21}, // is taken
		{3*time.Second + 11e6 + 1e5, 1, 1}, //
	} {
		if got := p.due(at(step.at)); got != step.due {
			t.Fatalf("at %v: %d due, want %d", step.at, got, step.due)
		}
		p.took(step.took)
	}
}

func TestPaceWithoutLimit(t *testing.T) {
	p := newPace(0, time.Now())
	p.took(1 << 40)
	if got := p.due(time.Time{}); got < 1<<30 {
		t.Errorf("%d due", got)
	}
}
