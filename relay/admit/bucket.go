package admit

import "time"

// Rate is a budget: so many a second, and a burst that may come at once. In any
// period of t seconds a bucket gives out at most burst + rate·t tokens.
type Rate struct {
	interval int64 // nanoseconds that one token takes to come back
	depth    int64 // nanoseconds that the whole burst takes
}

// PerSecond makes a Rate of 1 to 10^9 tokens a second with a burst of 1 to
// 2·10^9. The interval is rounded up to whole nanoseconds, so that the budget
// is never exceeded.
func PerSecond(rate, burst uint32) Rate {
	rate, burst = max(rate, 1), max(burst, 1)
	interval := (int64(time.Second) + int64(rate) - 1) / int64(rate)
	return Rate{interval: interval, depth: interval * int64(burst)}
}

// bucket is a token bucket in eight bytes (GCRA): the moment at which it is
// full again. The zero bucket is full.
type bucket int64

// take takes one token if there is one. What an earlier, slower rate owed is
// capped at a whole burst, so that a raised limit works at once.
func (b *bucket) take(now int64, r Rate) bool {
	full := max(min(int64(*b), now+r.depth), now)
	*b = bucket(full)
	if full+r.interval-now > r.depth {
		return false
	}
	*b = bucket(full + r.interval)
	return true
}
