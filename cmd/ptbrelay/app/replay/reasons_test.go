package replay

import (
	"fmt"
	"testing"

	"ptbrelay/classify"
	"ptbrelay/relay/outcome"
)

// Every verdict and every outcome that a replay can end in has a reason.
func TestReasons(t *testing.T) {
	m := new(classify.Message)
	r := newReasons(classify.Policy{})
	seen := make(map[string]bool)
	check := func(what fmt.Stringer, reason string, want bool) {
		t.Helper()
		if (reason != "") != want || reason != "" && seen[reason] {
			t.Errorf("%v: %q", what, reason)
		}
		seen[reason] = true
	}
	for v := range classify.Verdicts() {
		if v != classify.Eligible {
			check(v, r.of(0, m, v, 0), true)
		}
	}
	elsewhere := map[outcome.Outcome]bool{outcome.Paused: true, outcome.QueueFull: true, outcome.NoPeers: true, outcome.SendFailed: true}
	for o := range outcome.NumOutcomes {
		check(o, r.of(0, m, classify.Eligible, o), !elsewhere[o])
	}
}
