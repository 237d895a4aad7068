package bench

import (
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// downloads is the promise itself: 64 downloads through a black hole, with
// nothing, with the floor and with ptbrelay in its default settings on every
// server.
func (s *summary) downloads(b *testing.B) {
	var floor, ptbrelay time.Duration
	for b.Loop() {
		if nothing := black(b, time.Second, func(*lab.Lab) {}); nothing.Stalled == 0 {
			b.Fatal("every download finished without a relay: there is no black hole")
		}
		f := black(b, 0, func(l *lab.Lab) {
			for _, server := range l.Servers {
				startFloor(b, server)
			}
		})
		p := black(b, 0, func(l *lab.Lab) { labtest.StartRelays(b, l) })
		if p.Stalled > 0 {
			b.Errorf("%v, want all finished", p)
		}
		floor, ptbrelay = max(floor, f.Slowest), max(ptbrelay, p.Slowest)
	}
	b.ReportMetric(0, "ns/op")
	s.add(b, "slowest-ms", "1500", float64(floor.Milliseconds()), float64(ptbrelay.Milliseconds()))
}

// black runs the downloads in a lab of their own with what start starts.
func black(b *testing.B, timeout time.Duration, start func(*lab.Lab)) lab.Summary {
	b.Helper()
	l := labtest.New(b, lab.Options{Clients: 32})
	start(l)
	return labtest.Downloads(b, l, lab.Load{Timeout: timeout}).Summary()
}
