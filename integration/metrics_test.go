package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

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

func sum(metrics map[string]float64, prefix string) (total float64) {
	for name, value := range metrics {
		if strings.HasPrefix(name, prefix) {
			total += value
		}
	}
	return total
}
