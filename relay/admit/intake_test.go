package admit

import (
	"net/netip"
	"testing"
	"time"

	"ptbrelay/relay/outcome"
)

var (
	peerOne = netip.MustParseAddr("198.51.100.1")
	peerTwo = netip.MustParseAddr("2001:db8::2")
)

// One peer's flood takes its own budget and leaves the others theirs.
func TestPeersHaveBudgetsOfTheirOwn(t *testing.T) {
	i, limits := NewIntake(), IntakeLimits{Peer: PerSecond(10, 20), Deliver: PerSecond(1000, 2000)}
	for n := range uint32(100) {
		refused, ok := i.Admit(second, message(n, 1400), peerOne, &limits)
		if want := n < 10; ok != want || !ok && refused != outcome.LimitedPeer {
			t.Fatalf("message %d of one peer: %v %v, half of its burst is 10", n, refused, ok)
		}
	}
	for n := range uint32(10) {
		if refused, ok := i.Admit(second, message(1000+n, 1400), peerTwo, &limits); !ok {
			t.Errorf("message %d of the other peer was refused as %v", n, refused)
		}
	}
}

// All peers together stay within the budget of deliveries; flows that come back
// find a token where first-timers do not.
func TestDeliveryBudget(t *testing.T) {
	i, limits := NewIntake(), IntakeLimits{Peer: free, Deliver: PerSecond(10, 100)}
	admit := func(now int64, n uint32) bool {
		refused, ok := i.Admit(now, message(n, 1400), peerOne, &limits)
		if !ok && refused != outcome.LimitedDelivery {
			t.Errorf("message %d was refused as %v", n, refused)
		}
		return ok
	}
	admitted := 0
	for n := range uint32(1000) {
		if admit(second, n) {
			admitted++
		}
	}
	if admitted != 50 {
		t.Errorf("%d first-timers at once, half of the burst is 50", admitted)
	}
	for n := range uint32(10) {
		if !admit(second+200*millisecond, 990+n) {
			t.Errorf("comeback %d was refused", n)
		}
	}
}

// A peer's copies of one message become one injection; the window is the same
// whichever peer sent it.
func TestDuplicateDelivery(t *testing.T) {
	i, limits := NewIntake(), IntakeLimits{Peer: PerSecond(1000, 2000), Deliver: PerSecond(5000, 10000)}
	for _, c := range []struct {
		at   time.Duration
		peer netip.Addr
		want bool
	}{
		{0, peerOne, true}, {0, peerTwo, false}, {149 * time.Millisecond, peerOne, false}, {150 * time.Millisecond, peerTwo, true},
	} {
		refused, ok := i.Admit(second+int64(c.at), message(1, 1400), c.peer, &limits)
		if ok != c.want || !ok && refused != outcome.DuplicateDelivery {
			t.Errorf("from %v after %v: %v %v, want admitted %v", c.peer, c.at, refused, ok, c.want)
		}
	}
}

func TestIntakeDoesNotAllocate(t *testing.T) {
	i, m, now := NewIntake(), message(1, 1400), second
	limits := IntakeLimits{Peer: free, Deliver: free}
	if n := testing.AllocsPerRun(1000, func() {
		now += millisecond
		i.Admit(now, m, peerTwo, &limits)
	}); n != 0 {
		t.Errorf("Admit allocates %v times", n)
	}
}
