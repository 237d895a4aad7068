package simulation

import "time"

const (
	millisecond = int64(time.Millisecond)
	second      = int64(time.Second)
)

// bucket is a token bucket as the kernel has it (nft_limit.c, xt_hashlimit.c)
// and pmtud after its model: credit is time, each token costs some of it, and
// it starts full.
type bucket struct {
	cost, depth  int64 // ns: of one token, of the whole burst
	credit, last int64 // ns: at the time of last
}

func newBucket(rate, burst float64) bucket {
	cost := int64(float64(second) / rate)
	depth := int64(burst * float64(cost))
	return bucket{cost: cost, depth: depth, credit: depth}
}

// holds tells whether there is a token.
func (b *bucket) holds(now int64) bool {
	b.credit, b.last = min(b.credit+now-b.last, b.depth), now
	return b.credit >= b.cost
}

// spend takes a token that the bucket holds.
func (b *bucket) spend() { b.credit -= b.cost }

// take takes a token if there is one.
func (b *bucket) take(now int64) bool {
	if !b.holds(now) {
		return false
	}
	b.spend()
	return true
}
