package bench

import (
	"slices"
	"testing"
	"time"

	"ptbrelay/classify/classifytest"
)

// Rates of messages a second.
const (
	calmRate = 1000
	busyRate = 50_000
)

// tally adds up one side's rounds.
type tally struct {
	sent, copies int
	cpu          time.Duration
	latencies    []time.Duration
}

func (t *tally) add(r round) {
	t.sent += r.sent
	t.copies += r.copies
	t.cpu += r.cpu
	t.latencies = append(t.latencies, r.latencies...)
}

// perMessage is the processor time in microseconds.
func (t *tally) perMessage() float64 { return microseconds(t.cpu) / float64(t.copies) }

// quantile is a latency in microseconds; sort first.
func (t *tally) quantile(q float64) float64 {
	return microseconds(t.latencies[int(q*float64(len(t.latencies)-1))])
}

// take has both sides relay messages at a rate, half a second each in turn.
func take(b *testing.B, ptb classifytest.PTB, rate int) (floor, ptbrelay tally) {
	b.Helper()
	d := newDuel(b, ptb)
	for b.Loop() {
		floor.add(d.send(d.floor, rate, rate/2))
		ptbrelay.add(d.send(d.ptbrelay, rate, rate/2))
	}
	b.ReportMetric(0, "ns/op") // the pace is ours
	for _, t := range []*tally{&floor, &ptbrelay} {
		if t.copies == 0 {
			b.Fatalf("no copy of %d messages", t.sent)
		}
		slices.Sort(t.latencies)
	}
	return floor, ptbrelay
}

// calm is latency and processor time where each message is alone.
func (s *summary) calm(b *testing.B, ptb classifytest.PTB) {
	floor, ptbrelay := take(b, ptb, calmRate)
	if ptbrelay.copies != ptbrelay.sent {
		b.Errorf("%d copies of %d messages, want all", ptbrelay.copies, ptbrelay.sent)
	}
	s.add(b, "p50-µs", "floor + 15", floor.quantile(0.5), ptbrelay.quantile(0.5))
	s.add(b, "p99-µs", "floor + 15", floor.quantile(0.99), ptbrelay.quantile(0.99))
	s.add(b, "cpu-µs/msg", "1.5 × floor", floor.perMessage(), ptbrelay.perMessage())
}

// busy is processor time where messages come in batches.
func (s *summary) busy(b *testing.B, ptb classifytest.PTB) {
	floor, ptbrelay := take(b, ptb, busyRate)
	s.add(b, "cpu-µs/msg", "1.3 × floor", floor.perMessage(), ptbrelay.perMessage())
	if lost := ptbrelay.sent - ptbrelay.copies; lost > 0 {
		b.ReportMetric(float64(lost), "lost")
	}
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
