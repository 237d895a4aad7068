package simulation

import "testing"

// As nft's limit rate 100/second burst 5: five at once, then one every 10 ms,
// and never more than five saved up.
func TestBucket(t *testing.T) {
	b := newBucket(100, 5)
	takes := func(now int64) (n int) {
		for b.take(now) {
			n++
		}
		return n
	}
	for _, step := range []struct {
		at   int64
		want int
	}{
		{0, 5}, {9 * millisecond, 0}, {10 * millisecond, 1}, {35 * millisecond, 2},
		{39 * millisecond, 0}, {40 * millisecond, 1}, {10 * second, 5},
	} {
		if got := takes(step.at); got != step.want {
			t.Errorf("at %d ms %d tokens, want %d", step.at/millisecond, got, step.want)
		}
	}
}
