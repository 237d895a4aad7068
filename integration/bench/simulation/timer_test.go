package simulation

import "testing"

// A timer runs out on a mark of its wheel's, late but never early.
func TestExpiry(t *testing.T) {
	for _, c := range []struct{ delay, grain int64 }{
		{1, tick}, {2 * millisecond, tick}, {200 * millisecond, tick},
		{260 * millisecond, 8 * tick}, {1600 * millisecond, 8 * tick}, {3200 * millisecond, 64 * tick},
	} {
		for set := int64(0); set < 300*millisecond; set += 1_234_567 {
			at := expiry(set, c.delay)
			if late := at - set - c.delay; at%c.grain != 0 || late < 0 || late > c.grain+tick {
				t.Fatalf("set at %d ns for %d ns: runs out %d ns late, marks every %d ns", set, c.delay, late, c.grain)
			}
		}
	}
}
