package integration

import (
	"cmp"
	"fmt"
	"syscall"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// checkLaws fails the test unless the counts of a server at rest add up.
func checkLaws(t testing.TB, server *lab.Node) {
	t.Helper()
	m := metricsOf(t, server)
	law := func(what string, whole, parts float64) {
		t.Helper()
		if whole != parts {
			t.Errorf("%s: %v %s add up to %v", server.Name(), whole, what, parts)
		}
	}
	received := func(from, family string) float64 {
		return m[fmt.Sprintf(`ptbrelay_received_total{family=%q,from=%q}`, family, from)]
	}
	eligible := func(from, family string) float64 {
		return m[fmt.Sprintf(`ptbrelay_verdicts_total{family=%q,from=%q,verdict="eligible"}`, family, from)]
	}
	var fromPeers float64
	for _, family := range []string{"ipv4", "ipv6", "unknown"} {
		for _, from := range []string{"wire", "peer"} {
			law("received from "+from+", "+family+": the verdicts", received(from, family),
				sum(m, fmt.Sprintf("ptbrelay_verdicts_total{family=%q,from=%q,", family, from)))
		}
		law("eligible from wire, "+family+": the outcomes", eligible("wire", family),
			sum(m, fmt.Sprintf("ptbrelay_outcomes_total{family=%q,", family)))
		law("eligible from peer, "+family+": the deliveries", eligible("peer", family),
			sum(m, fmt.Sprintf("ptbrelay_deliveries_total{family=%q,", family)))
		fromPeers += received("peer", family)
	}
	law("datagrams opened: those received from peers", m[datagramMetric("ptb", "opened")], fromPeers)
}

// settle waits until every PTB that arrived for a server was received, or counted
// as lost or guarded. A loss shows only when a later message comes, so others are
// sent until all but the last of them are known of.
func settle(t testing.TB, server *lab.Node, arrived func() float64, sendAnother func()) {
	t.Helper()
	missing := func() (float64, error) {
		m, err := labtest.TryMetrics(t.Context(), server, labtest.MetricsURL)
		return arrived() - sum(m, "ptbrelay_received_total") -
			sum(m, "ptbrelay_capture_lost_total") - m["ptbrelay_guarded_total"], err
	}
	labtest.Eventually(t, 10*time.Second, "losses show", func() error {
		sendAnother()
		if n, err := missing(); err != nil || n > 1 || n < 0 {
			return fmt.Errorf("%v not accounted for (%w)", n, cmp.Or(err, errNotYet))
		}
		return nil
	})
	labtest.Eventually(t, 5*time.Second, "every PTB is accounted for", func() error {
		if n, err := missing(); err != nil || n != 0 {
			return fmt.Errorf("%v not (%w)", n, cmp.Or(err, errNotYet))
		}
		return nil
	})
}

// accountedFor waits until every IPv6 PTB sent to the first server is accounted
// for.
func accountedFor(t *testing.T, l *lab.Lab, sent float64) {
	t.Helper()
	settle(t, l.Servers[0], func() float64 { return sent }, func() {
		labtest.FromRouter(t, l, 0, classifytest.PTB{Family: classify.IPv6}.Bytes())
		sent++
	})
}

// Under a flood of new flows the node's budget holds on the wire, nothing is
// lost unnoticed, and the laws hold to the last message.
func TestLawsAndBudgetUnderFlood(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	labtest.StartRelay(t, l.Servers[0])
	there := labtest.TapWith(t, l.Servers[1], "eth0", lab.TapOptions{Limit: 1 << 18})
	rain := startFlood(t, l, 0)
	sent := rain.pour(100_000)
	accountedFor(t, l, sent)
	checkLaws(t, l.Servers[0])
	frames := broadcasts(labtest.Fence(t, l.Servers[0], "eth0", there))
	if got := metricsOf(t, l.Servers[0])[outcomeMetric("ipv6", "relayed")]; got != float64(len(frames)) {
		t.Errorf("%v relayed, %d frames on the wire", got, len(frames))
	}
	checkBudget(t, frames, 1000, 2000)
}

// A daemon that cannot keep up loses messages, counts each of them as what it
// is, and goes on.
func TestOverrunIsCounted(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	server := l.Servers[0]
	p := labtest.StartRelay(t, server, "--config", writeConfig(t, "capture: {buffer: 4MiB}\n"))
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	rain := startFlood(t, l, 0)
	sent := rain.pour(100_000)
	if err := p.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	accountedFor(t, l, sent)
	m := metricsOf(t, server)
	if m[`ptbrelay_capture_lost_total{reason="overrun"}`] == 0 || m[`ptbrelay_capture_lost_total{reason="gap"}`] != 0 {
		t.Errorf("lost by overrun %v, otherwise %v", m[`ptbrelay_capture_lost_total{reason="overrun"}`], m[`ptbrelay_capture_lost_total{reason="gap"}`])
	}
	checkLaws(t, server)
}

// checkBudget fails where in any second more copies were on the wire than the
// burst and the rate allow; 3 % are for the clocks.
func checkBudget(t *testing.T, copies []lab.PTB, rate, burst int) {
	t.Helper()
	if len(copies) < burst {
		t.Fatalf("only %d copies: the budget was not tried", len(copies))
	}
	first := 0
	for i, c := range copies {
		for c.Frame.Time.Sub(copies[first].Frame.Time) > time.Second {
			first++
		}
		if n := i - first + 1; n > (rate+burst)*103/100 {
			t.Fatalf("%d copies within a second", n)
		}
	}
}
