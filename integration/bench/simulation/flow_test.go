package simulation

import (
	"testing"
	"time"
)

// What a kernel was seen to do, see flow.go, to the grain of its timers: a tick,
// later eight of them, and each adds to those before.
func TestFlow(t *testing.T) {
	c := newCrowd(people{flows: 1, perClient: 1, from: lead, to: lead + 1, maxRTT: 1}, fixed(1))
	f := c.flows[0]
	var at []int64
	for range window + 5 {
		at = append(at, c.next()-f.start)
		c.take(ptb(realRouter, 0))
	}
	if burst := at[window-1]; burst != (window-1)*spacing {
		t.Errorf("the burst takes %d ns", burst)
	}
	for i, ms := range []int64{5, 213, 633, 1465, 3120} {
		grain := int64(5)
		if i >= 2 {
			grain = 35 * int64(i-1)
		}
		if got := at[window+i] / millisecond; got < ms-grain || got > ms+grain {
			t.Errorf("segment %d leaves after %d ms, want about %d", window+i, got, ms)
		}
	}
}

// A healed flow ends its burst and retransmits no more.
func TestHealedFlowIsSilent(t *testing.T) {
	c := newCrowd(people{flows: 1, perClient: 1, from: lead, to: lead + 1, maxRTT: 1}, fixed(1))
	c.next()
	c.take(ptb(realRouter, 0)).heal(c.flows[0].start + 5)
	n := 1
	for c.next() != never {
		c.take(ptb(realRouter, 0)).heal(never)
		n++
	}
	if f := c.flows[0]; n != window || f.healing != 5 {
		t.Errorf("%d PTBs, healed after %v; want %d and the first copy's time", n, time.Duration(f.healing), window)
	}
}
