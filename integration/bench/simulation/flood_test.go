package simulation

import (
	"math"
	"slices"
	"testing"

	"ptbrelay/classify"
)

func TestFloodRate(t *testing.T) {
	a := attack{forge: forgeAny, rate: 10_000, times: 1}
	at, about := drain(t, a.floods(1)[0], 4*second)
	if sd := math.Sqrt(40_000); math.Abs(float64(len(at))-40_000) > 5*sd {
		t.Errorf("%d PTBs in 4 s, want about 40 000", len(at))
	}
	slices.SortFunc(about, func(a, b classify.Flow) int { return slices.Compare(a[:], b[:]) })
	if n := len(slices.Compact(about)); n < 39_000 {
		t.Errorf("only %d flows", n)
	}
}

// Imitated comebacks: the same flows, echo later, at half of the rate each.
func TestFloodRepeats(t *testing.T) {
	floods := attack{forge: forgeAny, rate: 10_000, times: 2}.floods(1)
	first, about := drain(t, floods[0], second)
	again, same := drain(t, floods[1], second+echo)
	if len(floods) != 2 || !slices.Equal(about, same) {
		t.Fatal("the second time they are about other flows")
	}
	for i := range first {
		if again[i]-first[i] != echo {
			t.Fatalf("PTB %d comes again after %d ns, want %d", i, again[i]-first[i], echo)
		}
	}
	if n := float64(len(first)); math.Abs(n-5000) > 5*math.Sqrt(5000) {
		t.Errorf("%v forged flows in a second, want about 5000", n)
	}
}

// What each forger leaves to chance, and what not.
func TestForgers(t *testing.T) {
	for name, c := range map[string]struct {
		forge                 forger
		router, client, ports bool // random ones
	}{
		"any":    {forgeAny, true, true, false},
		"router": {forgeRouter, false, true, false},
		"client": {forgeClient, true, false, true},
		"served": {forgeServed, true, false, false},
	} {
		random := fixed(1)
		var a, b classify.Message
		c.forge(random, &a)
		c.forge(random, &b)
		if (a.Router != b.Router) != c.router || (a.Flow.Client() != b.Flow.Client()) != c.client ||
			(a.Flow.VIPPort() != b.Flow.VIPPort()) != c.ports || a.Flow.ClientPort() == b.Flow.ClientPort() {
			t.Errorf("%s: %v of %v, then %v of %v", name, a.Flow, a.Router, b.Flow, b.Router)
		}
		if !c.router && a.Router != realRouter || !c.client && a.Flow.Client() != client(0) {
			t.Errorf("%s: %v of %v is not about the real one", name, a.Flow, a.Router)
		}
	}
}
