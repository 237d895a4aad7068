package integration

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"ptbrelay/integration/labtest"
)

// metricsFile is the exposition of one daemon, as rules, dashboards and documents
// know it.
const metricsFile = "prometheus/metrics.txt"

// The metrics of a daemon that has met a bit of everything are those of the file,
// but for what no two runs have in common. Rules, dashboard and documents are checked
// against the file, so it says what a daemon really exports.
func TestMetricsGolden(t *testing.T) {
	s := newScript(t)
	s.play()
	_, exposition := labtest.Get(t, s.scraped(), labtest.MetricsURL)
	lint(t, exposition)
	got := steady(exposition)
	if *update {
		writeFile(t, metricsFile, got)
	}
	if diff := cmp.Diff(strings.Split(goldenMetrics(t), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-update makes it anew) -want +got:\n%s", metricsFile, diff)
	}
}

// lint fails the test on whatever the conventions of Prometheus do not like.
func lint(t *testing.T, exposition string) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(exposition)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// unsteady matches series whose values depend on the time, the machine or its user.
// What the kernel counts in a namespace contains its own errors, and in one of a user
// the checks cannot read all.
var unsteady = regexp.MustCompile(`^(go_|process_|ptbrelay_relay_latency_seconds_|ptbrelay_config_reload_timestamp_seconds |` +
	`ptbrelay_kernel_|ptbrelay_audit_findings|ptbrelay_datagrams_total\{result="opened",type="(probe|receipt)"\})`)

// built matches the label that says of which build or Go the daemon is.
var built = regexp.MustCompile(`version="[^"]*"`)

// steady is an exposition whose unsteady values are 0.
func steady(exposition string) string {
	var b strings.Builder
	for line := range strings.Lines(exposition) {
		line = strings.TrimSuffix(line, "\n")
		if unsteady.MatchString(line) {
			line = line[:strings.LastIndexByte(line, ' ')] + " 0"
		}
		b.WriteString(built.ReplaceAllString(line, `version="any"`) + "\n")
	}
	return b.String()
}
