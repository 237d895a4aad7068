package transport

import "time"

// An attempt at a session that is not known derives a key before it can find a
// forgery, so there are at most 1000 a second, with a burst of 1000. Whoever
// forges datagrams from addresses that are no peer's gets no more than half of
// the burst, and a peer that was restarted gets in.
const (
	attemptInterval = time.Millisecond
	attemptBurst    = 1000 * attemptInterval
)

// attempts is the budget of attempts.
type attempts struct{ budget }

// take takes a token, if there is one for this sender. now is since the start.
func (a *attempts) take(now time.Duration, fromPeer bool) bool {
	burst := attemptBurst
	if !fromPeer {
		burst /= 2
	}
	return a.budget.take(now, attemptInterval, burst)
}

// budget is a token bucket (GCRA): the moment at which it is full again. The zero
// value is full.
type budget time.Duration

// take takes a token if that leaves the bucket no more than burst behind, which is
// what all of its tokens take to come back, one an interval.
func (b *budget) take(now, interval, burst time.Duration) bool {
	full := max(time.Duration(*b), now) + interval
	if full-now > burst {
		return false
	}
	*b = budget(full)
	return true
}
