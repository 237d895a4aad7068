package integration

import (
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// flood sends eligible IPv6 PTBs about ever new flows to one server, until the
// test ends or stop is called, at most floodLimit of them.
type flood struct {
	*labtest.Flood
	t testing.TB
}

const (
	floodLimit = 1 << 20
	// floodRate, in PTBs a second, is below the node guard.
	floodRate = 40_000
)

func startFlood(t *testing.T, l *lab.Lab, server int) *flood {
	t.Helper()
	f := newForger(t, l, forgery{families: []lab.Family{lab.IPv6}}, server)
	return &flood{labtest.StartFlood(t, l, lab.Stream{Rate: floodRate, Count: floodLimit, Fill: f.fill}), t}
}

// pour waits until at least n were sent, ends the flood and returns how many
// they are.
func (f *flood) pour(n int) float64 {
	f.t.Helper()
	labtest.Eventually(f.t, 20*time.Second, "the flood is sent", func() error {
		if f.Sent() < n {
			return errNotYet
		}
		return nil
	})
	return float64(f.Stop())
}
