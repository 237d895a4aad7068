//go:build linux

package lab

import (
	"math"
	"time"
)

// paceBacklog is how much of its own delay a paced stream makes up for: more
// would be a burst that nobody asked for.
const paceBacklog = 20 * time.Millisecond

// pace says how many frames are due.
type pace struct {
	every time.Duration // between two frames; 0: no limit
	next  time.Time     // when the next one is due
}

// newPace is for rate frames a second, 0 for no limit, the first one at start.
func newPace(rate int, start time.Time) *pace {
	if rate == 0 {
		return &pace{}
	}
	return &pace{every: time.Second / time.Duration(rate), next: start}
}

// due is how many frames may be sent now.
func (p *pace) due(now time.Time) int {
	switch {
	case p.every == 0:
		return math.MaxInt
	case now.Before(p.next):
		return 0
	}
	if oldest := now.Add(-paceBacklog); p.next.Before(oldest) {
		p.next = oldest
	}
	return 1 + int(now.Sub(p.next)/p.every)
}

// took counts frames as sent.
func (p *pace) took(n int) { p.next = p.next.Add(time.Duration(n) * p.every) }
