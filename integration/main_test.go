package integration

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/cmd/ptbrelay/app"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

func TestMain(m *testing.M) {
	labtest.Main(m, func(args []string) int {
		return app.Run(context.Background(), args, os.Stdin, os.Stdout, os.Stderr)
	})
}

// metricsOf scrapes the ptbrelay on a server.
func metricsOf(t testing.TB, server *lab.Node) map[string]float64 {
	t.Helper()
	return labtest.Metrics(t, server, labtest.MetricsURL)
}

func outcomeMetric(family, outcome string) string {
	return fmt.Sprintf(`ptbrelay_outcomes_total{family=%q,outcome=%q}`, family, outcome)
}

func verdictMetric(family string, v classify.Verdict) string {
	return fmt.Sprintf(`ptbrelay_verdicts_total{family=%q,from="wire",verdict=%q}`, family, v)
}

func deliveryMetric(family, delivery string) string {
	return fmt.Sprintf(`ptbrelay_deliveries_total{family=%q,outcome=%q}`, family, delivery)
}

func datagramMetric(of, result string) string {
	return fmt.Sprintf(`ptbrelay_datagrams_total{result=%q,type=%q}`, result, of)
}

// await waits until a metric of a server has a value.
func await(t testing.TB, server *lab.Node, metric string, want float64) {
	t.Helper()
	awaitMetrics(t, server, 5*time.Second, fmt.Sprintf("%s is %v", metric, want), func(m map[string]float64) error {
		if m[metric] != want {
			return fmt.Errorf("it is %v", m[metric])
		}
		return nil
	})
}

// awaitMetrics waits until the metrics of a server meet a condition.
func awaitMetrics(t testing.TB, server *lab.Node, within time.Duration, what string, condition func(map[string]float64) error) {
	t.Helper()
	labtest.Eventually(t, within, what+" on "+server.Name(), func() error {
		m, err := labtest.TryMetrics(t.Context(), server, labtest.MetricsURL)
		if err != nil {
			return err
		}
		return condition(m)
	})
}

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

func sum(metrics map[string]float64, prefix string) (total float64) {
	for name, value := range metrics {
		if strings.HasPrefix(name, prefix) {
			total += value
		}
	}
	return total
}

// broadcasts are the PTBs among frames that came as Ethernet broadcast.
func broadcasts(frames []lab.Frame) (found []lab.PTB) {
	for _, p := range labtest.PTBs(frames) {
		if p.To == [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff} {
			found = append(found, p)
		}
	}
	return found
}
