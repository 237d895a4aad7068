//go:build linux

package lab

import (
	"math/rand/v2"
	"time"
)

// paceBacklog is how much of its own delay a paced stream makes up for: more
// would be a burst that nobody asked for.
const paceBacklog = 20 * time.Millisecond

// pace says when frames are due.
type pace struct {
	gap  func() time.Duration // from one to the next; nil: no limit
	next time.Time            // when the next one is due
}

// newPace is for a stream that begins at start with its first frame.
func newPace(st Stream, start time.Time) *pace {
	if st.Rate == 0 {
		return &pace{}
	}
	every := time.Second / time.Duration(st.Rate)
	gap := func() time.Duration { return every }
	if st.Scattered {
		gap = func() time.Duration { return time.Duration(rand.ExpFloat64() * float64(every)) }
	}
	return &pace{gap: gap, next: start}
}

// take is how many frames, at most limit, are to be sent now.
func (p *pace) take(now time.Time, limit int) (n int) {
	if p.gap == nil {
		return limit
	}
	if oldest := now.Add(-paceBacklog); p.next.Before(oldest) {
		p.next = oldest
	}
	for n < limit && !p.next.After(now) {
		p.next = p.next.Add(p.gap())
		n++
	}
	return n
}
