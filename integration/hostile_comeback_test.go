package integration

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"ptbrelay/integration/bench/simulation"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// A spoofer who sends every flow twice and fast enough looks like black-holed
// senders to everyone but the owners. He displaces real ones as far as the
// simulation says and no further, the budget holds, and what he held up heals as
// soon as he ends.
func TestFloodOfComebacks(t *testing.T) {
	const (
		landing = 0 // the server that all real PTBs come in on
		spread  = 1500 * time.Millisecond
		// A sender retransmits 0.2, 0.6, 1.5, 3.1 and 6.4 s after its start. The
		// flood outlasts everyone's fourth try and nobody's fifth.
		floodLasts = 6 * time.Second // from the first start on
		healWithin = 3 * time.Second // of the flood's end
		judgedAt   = 3 * time.Second // from each one's own start
		points     = 10.0
		seeds      = 20
	)
	s := besiege(t, attack{rate: 10_000, forge: comebacks, spends: true, options: lab.Options{Clients: 250}})
	setApart(t, s.lab, landing)
	over, cancel := context.WithTimeout(t.Context(), floodLasts)
	defer cancel()
	type result struct {
		report lab.Report
		err    error
	}
	done := make(chan result, 1)
	go func() {
		r, err := s.lab.Downloads(t.Context(), lab.Load{Size: 20 << 10, Spread: spread, Timeout: floodLasts + healWithin - spread})
		done <- result{r, err}
	}()
	<-over.Done()
	rate := slices.Min(s.stop()) // of the forged ones alone
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	allFinished(t, r.report)
	s.check()
	if labtest.RaceEnabled {
		return // what is left of the flood displaces few, and those by chance
	}

	flows, healed := missed(r.report, landing), 0
	for _, x := range flows {
		if x.Finished && x.Duration <= judgedAt {
			healed++
		}
	}
	got := 100 * float64(healed) / float64(len(flows))
	simulated := simulation.Imitated(rate, 2).Of(len(flows), spread, farthest)
	want := 100 * simulated.Run(simulation.Ours(), upTo(seeds)...).Healed(judgedAt)
	chance := math.Sqrt(want * (100 - want) / float64(len(flows))) // one standard deviation, at most 3 points
	t.Logf("%d of %d healed within %v: %.0f %%, by simulation %.0f %%", healed, len(flows), judgedAt, got, want)
	if math.Abs(got-want) > points+chance {
		t.Errorf("%.0f %% healed within %v, by simulation it is %.0f %%, give or take %.0f", got, judgedAt, want, points+chance)
	}
}

// missed are the downloads whose PTBs come in on another server than their
// owner.
func missed(r lab.Report, landing int) (flows []lab.Result) {
	for _, x := range r.Results {
		if x.Owner != landing {
			flows = append(flows, x)
		}
	}
	return flows
}

// upTo is the numbers from 1 to n.
func upTo(n uint64) (all []uint64) {
	for i := range n {
		all = append(all, i+1)
	}
	return all
}
