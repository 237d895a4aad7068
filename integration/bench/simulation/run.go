package simulation

import (
	"slices"
	"time"

	"ptbrelay/classify"
)

// Result is what became of a scenario's measured flows.
type Result struct {
	Flows   int
	Healing []time.Duration // of each healed flow from its first PTB on, shortest first
	Copies  int             // most in any second, of real and forged PTBs
}

// Seeds are those of the report.
func Seeds() []uint64 { return []uint64{1, 2, 3, 4, 5} }

// Run runs the scenario once for each seed and puts the results together.
func (s Scenario) Run(scheme Scheme, seeds ...uint64) Result {
	var sum Result
	for _, seed := range seeds {
		flows, copies := s.run(scheme, seed)
		for _, f := range flows {
			if f.healed {
				sum.Healing = append(sum.Healing, time.Duration(f.healing))
			}
		}
		sum.Flows += len(flows)
		sum.Copies = max(sum.Copies, copies)
	}
	slices.Sort(sum.Healing)
	return sum
}

// run returns the measured flows and the most copies in any second.
func (s Scenario) run(scheme Scheme, seed uint64) ([]*flow, int) {
	measured, all := s.sources(seed)
	server := scheme.make(seed)
	var copies meter
	var m classify.Message
	for {
		from := earliest(all)
		now := from.next()
		if now >= lead+horizon {
			return measured.flows[s.skip:], copies.most
		}
		real := from.take(&m)
		if !server.admit(now, &m) {
			continue
		}
		copies.add(now)
		if real != nil {
			real.heal(now)
		}
	}
}

// earliest is the source whose PTB comes next; of two at one time the first.
func earliest(all []source) source {
	first := all[0]
	at := first.next()
	for _, s := range all[1:] {
		if next := s.next(); next < at {
			first, at = s, next
		}
	}
	return first
}

// Healed is the share of the flows that were healed within a time, 0 to 1.
func (r Result) Healed(within time.Duration) float64 {
	n, _ := slices.BinarySearch(r.Healing, within+1)
	return float64(n) / float64(r.Flows)
}

// Median and Slowest are times of the flows that were healed at all, zero where
// none was.
func (r Result) Median() time.Duration { return r.nth((len(r.Healing) - 1) / 2) }

// Slowest is the longest of them.
func (r Result) Slowest() time.Duration { return r.nth(len(r.Healing) - 1) }

func (r Result) nth(n int) time.Duration {
	if len(r.Healing) == 0 {
		return 0
	}
	return r.Healing[n]
}
