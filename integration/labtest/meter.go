//go:build linux

package labtest

import (
	"testing"
	"time"

	"ptbrelay/integration/lab"
)

// Meter measures how many PTBs a second arrive at each server.
type Meter struct {
	t        testing.TB
	counters []*lab.Arrivals
	begin    time.Time
	counts   []uint64 // at begin
}

// NewMeter starts to count arrivals at every server, for the rest of the lab's
// life.
func NewMeter(t testing.TB, l *lab.Lab) *Meter {
	t.Helper()
	m := &Meter{t: t}
	for _, s := range l.Servers {
		a, err := s.CountArrivals()
		if err != nil {
			t.Fatal(err)
		}
		m.counters = append(m.counters, a)
	}
	m.Restart()
	return m
}

// Restart begins the time that Rates looks at.
func (m *Meter) Restart() {
	m.t.Helper()
	m.counts, m.begin = m.Counts(), time.Now()
}

// Counts is how many PTBs have arrived, by server, in all.
func (m *Meter) Counts() []uint64 {
	m.t.Helper()
	counts := make([]uint64, len(m.counters))
	for i, c := range m.counters {
		n, err := c.Read()
		if err != nil {
			m.t.Fatal(err)
		}
		counts[i] = n
	}
	return counts
}

// Rates is how many a second have arrived since the last Restart, by server.
func (m *Meter) Rates() []int {
	m.t.Helper()
	counts, seconds := m.Counts(), time.Since(m.begin).Seconds()
	rates := make([]int, len(counts))
	for i := range counts {
		rates[i] = int(float64(counts[i]-m.counts[i]) / seconds)
	}
	return rates
}
