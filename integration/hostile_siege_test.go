package integration

import (
	"fmt"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// attack is a flood and the lab that it hits.
type attack struct {
	options lab.Options
	config  string // of the daemons; empty: the defaults
	servers []int  // that it hits; nil: all
	rate    int    // PTBs a second at each of them; 0: as many as the router can send
	// forge says what of, given the rate; nil: by random routers about random
	// flows.
	forge  func(l *lab.Lab, rate int) forgery
	spends bool // enough that the budget is spent, burst and all
}

const (
	// raceRate is what daemons with the race detector in them can take, in PTBs
	// a second at each of three.
	raceRate = 4000
	// topRate is more than a router of the lab can send.
	topRate = 1_000_000
	// warmUp is how much of a flood comes before anything else, in seconds of
	// its rate: the bursts of the budgets are spent. At top speed it is less.
	warmUp    = 2
	warmUpTop = 100_000
	// longest bounds a flood that nothing ends, in the same way.
	longest = 40
)

// siege is a lab with a ptbrelay on every server, under a flood.
type siege struct {
	attack
	t      *testing.T
	lab    *lab.Lab
	relays []*lab.Process
	meter  *labtest.Meter
	wire   *lab.Tap // sees every copy once
	flood  *labtest.Flood
}

// besiege returns when the flood has warmed up.
func besiege(t *testing.T, a attack) *siege {
	t.Helper()
	l := labtest.New(t, a.options)
	s := &siege{attack: a, t: t, lab: l, meter: labtest.NewMeter(t, l)}
	if labtest.RaceEnabled {
		s.rate = min(s.rate, raceRate)
	}
	for i, server := range l.Servers {
		if a.servers == nil {
			s.servers = append(s.servers, i)
		}
		s.relays = append(s.relays, labtest.StartRelay(t, server, "--config", writeConfig(t, a.config)))
	}
	s.wire = labtest.TapWith(t, l.Switch, "br0", lab.TapOptions{Limit: 1 << 18})
	var f forgery
	if a.forge != nil {
		f = a.forge(l, s.rate)
	}
	total := s.rate * len(s.servers)
	warm, count := total*warmUp, total*longest
	if total == 0 {
		warm, count = warmUpTop, topRate*longest
	}
	s.flood = labtest.StartFlood(t, l, lab.Stream{Rate: total, Scattered: f.scattered, Count: count, Fill: newForger(t, l, f, s.servers...).fill})
	s.meter.Restart()
	labtest.Eventually(t, longest*time.Second, "the flood warms up", func() error {
		if n := s.flood.Sent(); n < warm {
			return fmt.Errorf("%d PTBs sent", n)
		}
		return nil
	})
	return s
}

// lift ends the flood and checks all that must hold in each.
func (s *siege) lift() {
	s.t.Helper()
	s.stop()
	s.check()
}

// stop ends the flood and checks that it was one until now; it returns how many
// PTBs a second arrived, by server.
func (s *siege) stop() []int {
	s.t.Helper()
	if !s.flood.Running() {
		s.t.Error("the flood was over too early")
	}
	rates := s.meter.Rates()
	s.flood.Stop()
	s.t.Logf("PTBs a second that arrived at each server: %v, asked for %d", rates, s.rate)
	for _, i := range s.servers {
		if rates[i] < s.rate/3 {
			s.t.Errorf("server %d: only %d PTBs a second arrived", i, rates[i])
		}
	}
	return rates
}

// check fails the test unless every flooded server kept the laws and its budget,
// and the flood was of the right kind.
func (s *siege) check() {
	s.t.Helper()
	for _, i := range s.servers {
		s.settle(i)
		s.checkEligible(i)
		checkLaws(s.t, s.lab.Servers[i])
		s.checkCopies(i)
	}
}

// settle waits until a server's daemon has handled all that was sent to it: the
// log is in order, and this PTB comes last. A loss shows with the next message,
// so another one is sent until then.
func (s *siege) settle(server int) {
	s.t.Helper()
	last := classifytest.PTB{MTU: 9000}.Bytes()
	labtest.Eventually(s.t, 10*time.Second, "the last PTB is handled", func() error {
		labtest.FromRouter(s.t, s.lab, server, last)
		m, err := labtest.TryMetrics(s.t.Context(), s.lab.Servers[server], labtest.MetricsURL)
		if err == nil && m[verdictMetric("ipv4", classify.MTUTooLarge)] == 0 {
			err = errNotYet
		}
		return err
	})
	labtest.Eventually(s.t, 5*time.Second, "every PTB is accounted for", func() error { return s.accounted(server) })
}

// accounted tells whether a server's daemon has received every PTB that arrived
// there, or counted it as lost or guarded.
func (s *siege) accounted(server int) error {
	m, err := labtest.TryMetrics(s.t.Context(), s.lab.Servers[server], labtest.MetricsURL)
	if err != nil {
		return err
	}
	arrived := float64(s.meter.Counts()[server])
	received, lost, guarded := sum(m, "ptbrelay_received_total"), sum(m, "ptbrelay_capture_lost_total"), m["ptbrelay_guarded_total"]
	if received+lost+guarded != arrived {
		return fmt.Errorf("%v arrived, %v received, %v lost, %v guarded", arrived, received, lost, guarded)
	}
	return nil
}

// checkEligible fails the test unless all that a server received was eligible,
// but for what settle sent.
func (s *siege) checkEligible(server int) {
	s.t.Helper()
	m := metricsOf(s.t, s.lab.Servers[server])
	others := sum(m, "ptbrelay_received_total") - m[verdictMetric("ipv4", classify.MTUTooLarge)]
	for _, f := range lab.Families() {
		others -= m[verdictMetric(f.String(), classify.Eligible)]
	}
	if others != 0 {
		s.t.Errorf("server %d: %v PTBs were not eligible", server, others)
	}
	if lost := sum(m, "ptbrelay_capture_lost_total"); lost > 0 {
		s.t.Logf("server %d: %v messages lost on the way to the daemon", server, lost)
	}
}

// checkCopies checks that what a server says to have relayed was on the wire,
// and at no time more than it may.
func (s *siege) checkCopies(server int) {
	s.t.Helper()
	node := s.lab.Servers[server]
	mac := labtest.MAC(s.t, node, "eth0")
	var copies []lab.PTB
	for _, c := range broadcasts(labtest.Fence(s.t, node, "eth0", s.wire)) {
		if c.From == mac {
			copies = append(copies, c)
		}
	}
	m := metricsOf(s.t, node)
	relayed := m[outcomeMetric("ipv4", "relayed")] + m[outcomeMetric("ipv6", "relayed")]
	if float64(len(copies)) != relayed {
		s.t.Errorf("%s: %v relayed, %d copies on the wire", node.Name(), relayed, len(copies))
	}
	if s.spends {
		checkBudget(s.t, copies, 1000, 2000) // the defaults
	}
}
