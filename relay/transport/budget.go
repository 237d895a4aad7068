package transport

import "time"

// budget is a token bucket (GCRA): the moment at which it is full again. The zero
// value is full.
type budget time.Duration

// take takes a token if that leaves the bucket no more than burst behind, which is
// what all of its tokens take to come back, one an interval. Who is no peer gets no
// more than half of the burst, so that whoever sends from elsewhere keeps no peer out.
func (b *budget) take(now, interval, burst time.Duration, fromPeer bool) bool {
	if !fromPeer {
		burst /= 2
	}
	full := max(time.Duration(*b), now) + interval
	if full-now > burst {
		return false
	}
	*b = budget(full)
	return true
}
