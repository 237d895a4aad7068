package statuspage

import (
	"cmp"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"ptbrelay/audit/report"
)

// exported is what one scrape says, by series as /metrics writes it. Of a histogram it
// has the number of samples.
type exported map[string]uint64

// readExported scrapes.
func readExported(from prometheus.Gatherer) (exported, error) {
	families, err := from.Gather()
	if err != nil {
		return nil, err
	}
	e := make(exported)
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "ptbrelay_") {
			continue
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName(), l.GetValue())
			}
			switch name := f.GetName(); {
			case m.Counter != nil:
				e[series(name, labels...)] = uint64(m.Counter.GetValue())
			case m.Gauge != nil:
				e[series(name, labels...)] = uint64(m.Gauge.GetValue())
			case m.Histogram != nil:
				e[series(name+"_count", labels...)] = m.Histogram.GetSampleCount()
			}
		}
	}
	return e, nil
}

// series is a metric's name and its labels, which are given as name, value, name and so
// on, in the text form of Prometheus.
func series(metric string, labels ...string) string {
	if len(labels) == 0 {
		return metric
	}
	pairs := slices.Collect(slices.Chunk(labels, 2))
	slices.SortFunc(pairs, func(a, b []string) int { return cmp.Compare(a[0], b[0]) })
	said := make([]string, len(pairs))
	for i, p := range pairs {
		said[i] = p[0] + `="` + escaped.Replace(p[1]) + `"`
	}
	return metric + "{" + strings.Join(said, ",") + "}"
}

var escaped = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// count is one number.
func (e exported) count(metric string, labels ...string) report.Count {
	s := series(metric, labels...)
	n, ok := e[s]
	return report.Count{Metric: s, Value: n, Absent: !ok}
}

// along are the numbers of a metric whose one label has these values, one after the
// other.
func (e exported) along(label string, values []string, metric string, labels ...string) []report.Count {
	counts := make([]report.Count, len(values))
	for i, v := range values {
		counts[i] = e.count(metric, append(slices.Clone(labels), label, v)...)
	}
	return counts
}
