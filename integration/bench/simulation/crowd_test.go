package simulation

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"ptbrelay/classify"
)

func fixed(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// drain takes what a source gives before a time.
func drain(t *testing.T, s source, until int64) (at []int64, about []classify.Flow) {
	t.Helper()
	var m classify.Message
	for s.next() < until {
		at = append(at, s.next())
		s.take(&m)
		about = append(about, m.Flow)
	}
	if !slices.IsSorted(at) {
		t.Error("time goes back")
	}
	return at, about
}

// Nobody is healed: all retransmit to the end, each about its own flow.
func TestCrowd(t *testing.T) {
	at, about := drain(t, newCrowd(together(64), fixed(1)), lead+horizon)
	count := make(map[classify.Flow]int)
	for _, f := range about {
		count[f]++
	}
	if len(count) != 64 || at[0] < lead {
		t.Errorf("%d flows from %d ns on, want 64 from %d", len(count), at[0], lead)
	}
	for f, n := range count {
		if n < window+5 || n > window+7 {
			t.Errorf("%v: %d PTBs", f, n)
		}
	}
}

func TestSlowRouterEmits(t *testing.T) {
	p := together(64)
	p.emits = 50
	at, _ := drain(t, newCrowd(p, fixed(1)), lead+horizon)
	for i := range at {
		in, _ := slices.BinarySearch(at, at[i]+second)
		if in-i > 50+50 {
			t.Fatalf("%d PTBs in the second after %d ns, at most 100", in-i, at[i])
		}
	}
	if len(at) < 100 {
		t.Errorf("only %d PTBs: the limit was not tried", len(at))
	}
}

// The flows of a load of somebody else's start when and are as far away as it says.
func TestOf(t *testing.T) {
	const flows, within, farthest = 200, time.Second, 20 * time.Millisecond
	measured, _ := Calm().Of(flows, within, farthest).sources(1)
	if len(measured.flows) != flows {
		t.Fatalf("%d flows, want %d", len(measured.flows), flows)
	}
	var last int64
	for _, f := range measured.flows {
		if f.rtt >= int64(farthest) {
			t.Errorf("a round trip of %d ns", f.rtt)
		}
		last = max(last, f.clock-lead)
	}
	if last < int64(within)*9/10 || last >= int64(within) {
		t.Errorf("the last one starts %d ns after the first may", last)
	}
}
