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

// attempts is a token bucket (GCRA): the moment at which it is full again, since
// the start. The zero value is full.
type attempts time.Duration

// take takes a token, if it is left for this sender.
func (a *attempts) take(now time.Duration, fromPeer bool) bool {
	burst := attemptBurst
	if !fromPeer {
		burst /= 2
	}
	full := max(time.Duration(*a), now) + attemptInterval
	if full-now > burst {
		return false
	}
	*a = attempts(full)
	return true
}
