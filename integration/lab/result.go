//go:build linux

package lab

import (
	"fmt"
	"slices"
	"time"
)

// Result is what became of one flow.
type Result struct {
	Flow     Flow
	Client   int           // number of its client address
	Owner    int           // number of the server that accepted it; -1: none
	Finished bool          // in time and, for downloads, with the right content
	Duration time.Duration // from its start to the end, or to giving up
	Bytes    int           // that arrived at the client
	MTU      int           // probes only: the path MTU that the owner's socket ended with, bytes
	Err      error         // nil when finished
}

// Report is what became of a phase's flows: family by family in the order of
// the Load, each by client number.
type Report struct {
	Results []Result
}

// Family is the part of the report about one family.
func (r Report) Family(f Family) Report {
	var part Report
	for _, x := range r.Results {
		if x.Flow.Family() == f {
			part.Results = append(part.Results, x)
		}
	}
	return part
}

// Summary is a report in numbers; the times are of finished flows only and
// zero where there are none.
type Summary struct {
	Flows, Finished, Stalled int
	P50, Slowest             time.Duration
}

// Summary sums the report up.
func (r Report) Summary() Summary {
	s := Summary{Flows: len(r.Results)}
	var times []time.Duration
	for _, x := range r.Results {
		if x.Finished {
			times = append(times, x.Duration)
		}
	}
	s.Finished, s.Stalled = len(times), len(r.Results)-len(times)
	if len(times) > 0 {
		slices.Sort(times)
		s.P50, s.Slowest = times[(len(times)-1)/2], times[len(times)-1]
	}
	return s
}

// String is "64 flows, 18 finished (p50 3ms, slowest 9ms), 46 stalled".
func (s Summary) String() string {
	return fmt.Sprintf("%d flows, %d finished (p50 %v, slowest %v), %d stalled",
		s.Flows, s.Finished, s.P50.Round(time.Millisecond), s.Slowest.Round(time.Millisecond), s.Stalled)
}

// Stalled are the flows that did not finish.
func (r Report) Stalled() []Flow {
	var flows []Flow
	for _, x := range r.Results {
		if !x.Finished {
			flows = append(flows, x.Flow)
		}
	}
	return flows
}
