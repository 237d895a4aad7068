package integration

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/bench/simulation"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// offBeat is a little less than the default budget of 1000. The kernel's timers
// tick in whole milliseconds, so all retransmissions would find a bucket that
// gives out a token each millisecond in the same state, and all or none win. In
// the simulation, as on the Internet, round trips differ.
const offBeat = "relay: {limits: {node: 970}}\n"

// A spoofer who sends every flow twice and fast enough looks like black-holed
// senders to everyone but the owners. He displaces real ones as far as the
// simulation says and no further, the budget holds, and what he held up heals as
// soon as he ends.
func TestFloodOfComebacks(t *testing.T) {
	const (
		spread     = 500 * time.Millisecond // between the first start of a download and the last one
		floodLasts = 5 * time.Second        // from the first one on
		healWithin = 3 * time.Second        // of the flood's end
		judgedAt   = 3 * time.Second        // from each one's own start
		points     = 10.0
		// From the second timeout on the kernel's timers are so coarse that flows
		// come back in batches, which find a bucket in one state: it is batches
		// that are drawn by lot, not flows.
		timers  = 32 * time.Millisecond
		batches = float64(spread / timers)
	)
	s := besiege(t, attack{rate: 10_000, forge: comebacks, spends: true, config: offBeat})
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

	flows, healed := missedOwners(t, s.lab, r.report), 0
	for _, x := range flows {
		if x.Finished && x.Duration <= judgedAt {
			healed++
		}
	}
	got := 100 * float64(healed) / float64(len(flows))
	want := 100 * simulation.Imitated(rate, 2).Run(simulation.Ours(), simulation.Seeds()...).Healed(judgedAt)
	chance := 2 * math.Sqrt(want*(100-want)/batches) // two standard deviations
	t.Logf("%d of %d healed within %v: %.0f %%, by simulation %.0f %%", healed, len(flows), judgedAt, got, want)
	if math.Abs(got-want) > points+chance {
		t.Errorf("%.0f %% healed within %v, by simulation it is %.0f %%", got, judgedAt, want)
	}
}

// missedOwners are the downloads whose PTBs come in on another server than their
// owner: the router hashes the ISP's address and the VIP, so within a family it
// is always the same one.
func missedOwners(t *testing.T, l *lab.Lab, r lab.Report) (missed []lab.Result) {
	t.Helper()
	taps := labtest.TapServers(t, l)
	for _, f := range lab.Families() {
		server := landing(t, l, taps, f)
		for _, x := range r.Family(f).Results {
			if x.Owner != server {
				missed = append(missed, x)
			}
		}
	}
	return missed
}

// landing is the server to which the router sends the ISP's PTBs.
func landing(t *testing.T, l *lab.Lab, taps []*lab.Tap, f lab.Family) (server int) {
	t.Helper()
	const port = 9
	ptb := classifytest.PTB{Family: classify.IPv4, Router: l.ISPAddr(f), ClientPort: port}
	if f == lab.IPv6 {
		ptb.Family = classify.IPv6
	}
	frame := labtest.FrameTo(t, l, 0, ptb.Bytes())
	to, from := labtest.MAC(t, l.Router, "isp"), labtest.MAC(t, l.ISP, "router")
	copy(frame, append(to[:], from[:]...))
	if err := l.ISP.SendFrame("router", frame); err != nil {
		t.Fatal(err)
	}
	labtest.Eventually(t, 5*time.Second, "a PTB from the ISP comes in", func() error {
		for flow, servers := range l.Landings(taps) {
			if flow.Family() == f && flow.Client.Port() == port {
				server = servers[0]
				return nil
			}
		}
		return errNotYet
	})
	return server
}
