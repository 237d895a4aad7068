package bench

import (
	"math"
	"testing"
	"time"

	"ptbrelay/classify/classifytest"
)

const (
	firstRate = 100_000 // messages a second
	firstStep = 1.5
	trials    = 8
	trial     = 350 * time.Millisecond
	// trailing is how long after the last message the last copy may come: what
	// takes longer was queued, and more would have been lost with more time.
	trailing = 30 * time.Millisecond
)

// staircase looks for one side's highest rate: up after a trial without loss,
// down after one with, in steps that become smaller at each turn. No trial
// decides for good, for not every loss is for want of speed.
type staircase struct {
	rate, step float64
	up         bool
	proven     float64 // the highest so far
}

func newStaircase() *staircase {
	return &staircase{rate: firstRate, step: firstStep, up: true}
}

func (s *staircase) climb(d *duel, side side) {
	achieved := d.lossless(side, s.rate)
	s.proven = max(s.proven, achieved)
	if up := achieved > 0; up != s.up {
		s.up, s.step = up, math.Sqrt(s.step)
	}
	if s.up {
		s.rate *= s.step
	} else {
		s.rate /= s.step
	}
}

// lossless is the rate that was really sent, or 0 where it was too high.
func (d *duel) lossless(s side, rate float64) float64 {
	r := d.send(s, int(rate), int(rate*trial.Seconds()))
	if r.copies < r.sent || r.trailing > trailing {
		return 0
	}
	return float64(r.sent) / r.sending.Seconds()
}

// highest is the highest rate that is relayed without loss and without a queue
// that grows.
func (s *summary) highest(b *testing.B, ptb classifytest.PTB) {
	d := newDuel(b, ptb)
	var floor, ptbrelay float64
	for b.Loop() {
		f, p := newStaircase(), newStaircase()
		for range trials {
			f.climb(d, d.floor)
			p.climb(d, d.ptbrelay)
		}
		floor, ptbrelay = max(floor, f.proven), max(ptbrelay, p.proven)
	}
	b.ReportMetric(0, "ns/op")
	s.add(b, "msg/s", "0.9 × floor", floor, ptbrelay)
}
