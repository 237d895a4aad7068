package admit

import (
	"math"
	"time"
)

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

// has tells whether the level may take a token.
func (b *bucket) has(now int64, r Rate, l level) bool {
	left := r.depth - b.owed(now)
	return left >= r.interval && left > l.reserve(r)
}

// charge takes a token that the bucket has.
func (b *bucket) charge(now int64, r Rate) {
	*b = bucket(now + b.owed(now) + r.interval)
}

// convert keeps the tokens that are owed when the rate changes: a lowered one
// begins with no new burst, a raised one works at once. More than a whole burst
// is forgiven.
func (b *bucket) convert(now int64, from, to Rate) {
	if from == to || from.interval == 0 {
		return // the same, or the first
	}
	tokens := float64(b.owed(now)) / float64(from.interval)
	*b = bucket(now + int64(min(math.Ceil(tokens*float64(to.interval)), float64(to.depth))))
}

// owed is what is missing to a full bucket, in nanoseconds.
func (b *bucket) owed(now int64) int64 { return max(int64(*b)-now, 0) }
