package integration

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ptbrelay/integration/labtest"
)

// Whatever a daemon exports is on the dashboard, and the dashboard names nothing that
// it does not export, nor any rule record.
func TestGrafanaMetrics(t *testing.T) {
	d, _ := readDashboard(t)
	golden := goldenMetrics(t)
	known := newVocabulary(golden, readRules(t))
	var asked strings.Builder
	for _, p := range d.pictures() {
		for _, q := range p.Targets {
			asked.WriteString(q.Expr + "\n")
			for _, problem := range known.misspelt(plain(q.Expr)) {
				t.Errorf("%s: %s", p.Title, problem)
			}
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (ptbrelay_\w+) `).FindAllStringSubmatch(golden, -1) {
		if !regexp.MustCompile(m[1] + `(_bucket|_count)?\{`).MatchString(asked.String()) {
			t.Errorf("no panel shows %s", m[1])
		}
	}
}

// plain is an expression without what no file names: what was chosen, the labels of
// alerts, and how Prometheus 3 writes the edges of buckets, 1280.0.
func plain(expr string) string {
	return strings.NewReplacer(`job=~"$job",`, "", `instance=~"$instance"`, "",
		"alertname, alertstate, ", "", "([.]0)?", "").Replace(expr)
}

func goldenMetrics(t testing.TB) string {
	t.Helper()
	return fileText(t, metricsFile)
}

// A Prometheus that scrapes two servers, and cannot a third, answers every query of
// the dashboard; none answers for servers or jobs that were not chosen.
func TestGrafanaQueries(t *testing.T) {
	t.Parallel() // it waits more than it works
	d, _ := readDashboard(t)
	p := startPrometheus(t, scraping(t, fmt.Sprintf("{targets: [%q, %q, %q]}", startStandIn(t), startStandIn(t), freeAddress(t))))
	awaitScrapes(t, p)
	for _, panel := range d.pictures() {
		t.Run(panel.Title, func(t *testing.T) {
			for _, q := range panel.Targets {
				checkQuery(t, p, &panel, q.Expr)
			}
		})
	}
	for _, v := range d.Templating.List {
		if v.Type == "query" {
			checkChoice(t, p, &v)
		}
	}
}

// startStandIn serves the metrics of the golden file, but for those that nobody can
// foresee, which are 1: at the n-th scrape each count is n times as large, so what
// adds up goes on adding up.
func startStandIn(t *testing.T) (address string) {
	t.Helper()
	golden := goldenMetrics(t)
	var scrapes atomic.Uint64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, grown(golden, float64(scrapes.Add(1))))
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func grown(exposition string, times float64) string {
	var b strings.Builder
	counts := false
	for line := range strings.Lines(exposition) {
		if kind, ok := strings.CutPrefix(line, "# TYPE "); ok {
			counts = strings.HasSuffix(kind, " counter\n") || strings.HasSuffix(kind, " histogram\n")
		}
		if line[0] != '#' {
			line = grownSeries(line, counts, times)
		}
		b.WriteString(line)
	}
	return b.String()
}

func grownSeries(line string, counts bool, times float64) string {
	series, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return line // Prometheus says what is wrong with it
	}
	if unsteady.MatchString(line) {
		value = 1
	}
	if counts {
		value *= times
	}
	return fmt.Sprintf("%s %v\n", series, value)
}

// awaitScrapes waits until there is enough to tell rates by, and the rules have been
// evaluated with it.
func awaitScrapes(t *testing.T, p *prometheusServer) {
	t.Helper()
	for _, enough := range []string{
		`count(count_over_time(up[1m]) > 4) == 3 and sum(up) == 2`,
		`count(count_over_time(ptbrelay:law:difference[1m]) > 2)`,
	} {
		labtest.Eventually(t, 20*time.Second, enough, func() error {
			found, err := p.query(enough)
			if err == nil && len(found) == 0 {
				err = errNotYet
			}
			return err
		})
	}
}

// checkQuery fails the test unless there is an answer, about what was chosen only.
func checkQuery(t *testing.T, p *prometheusServer, panel *dashboardPanel, expr string) {
	t.Helper()
	found := askFor(t, p, expr, ".*", ".*")
	// That Prometheus is some seconds old.
	if len(found) == 0 && !strings.Contains(expr, " offset 1") {
		t.Errorf("%s: no answer", expr)
	}
	if panel.Type == "stat" && len(found) != 1 {
		t.Errorf("%s: shows one number of %v", expr, found)
	}
	for _, s := range found {
		if math.IsNaN(s.Value) || math.IsInf(s.Value, 0) {
			t.Errorf("%s: %v", expr, s)
		}
	}
	if strings.HasPrefix(expr, "vector(") {
		return // a line across the picture
	}
	if other := askFor(t, p, expr, ".*", "nobody"); len(other) > 0 {
		t.Errorf("%s: answers for servers that were not chosen: %v", expr, other)
	}
	// An alert may be about several jobs.
	if other := askFor(t, p, expr, "nothing", ".*"); len(other) > 0 && !strings.Contains(expr, "ALERTS") {
		t.Errorf("%s: answers for jobs that were not chosen: %v", expr, other)
	}
}

// askFor executes an expression of the dashboard with these jobs and servers chosen.
func askFor(t *testing.T, p *prometheusServer, expr, jobs, instances string) []promSeries {
	t.Helper()
	expr = strings.NewReplacer(
		"$job", jobs, "$instance", instances, "$node_limit", "1000", "$deliver_limit", "5000",
		"$__rate_interval", "20s", "$__range", "20s",
	).Replace(expr)
	found, err := p.query(expr)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// checkChoice fails the test unless a variable offers something to choose.
func checkChoice(t *testing.T, p *prometheusServer, v *dashboardVariable) {
	t.Helper()
	m := regexp.MustCompile(`^label_values\((.+), (\w+)\)$`).FindStringSubmatch(v.Definition)
	if m == nil {
		t.Fatalf("%s: %q", v.Name, v.Definition)
	}
	found := askFor(t, p, m[1], ".*", ".*")
	if len(found) == 0 || found[0].Labels[m[2]] == "" {
		t.Errorf("%s: nothing to choose from in %v", v.Name, found)
	}
}
