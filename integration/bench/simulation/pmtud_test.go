package simulation

import (
	"testing"
	"time"
)

// As pmtud counts: 1.1 a second with a burst of 1.9 of that is two at once and
// then one every 909 ms, of one router; 19 at once of many.
func TestPMTUD(t *testing.T) {
	admitted := func(routers int, period int64) (n int) {
		p := PMTUD().make(1)
		for at := int64(0); at < period; at += millisecond {
			if p.admit(at, ptb(address(uint32(at/millisecond)%uint32(routers)), 0)) {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		routers int
		period  int64
		want    int
	}{{1, 10 * millisecond, 2}, {1, 10 * second, 2 + 11}, {1000, 100 * millisecond, 19}, {10_000, 10 * second, 19 + 99}} {
		if got := admitted(c.routers, c.period); got < c.want-1 || got > c.want+1 {
			t.Errorf("%d copies in %v about %d routers, want %d", got, time.Duration(c.period), c.routers, c.want)
		}
	}
}
