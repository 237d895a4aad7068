package simulation

import (
	"fmt"
	"strings"
	"time"
)

// row is one scenario under every scheme.
type row struct {
	Scenario Scenario
	Results  []Result // in the order of Schemes
}

// newRow runs the scenario under every scheme.
func newRow(s Scenario) row {
	r := row{Scenario: s}
	for _, scheme := range Schemes() {
		r.Results = append(r.Results, s.Run(scheme, Seeds()...))
	}
	return r
}

// moments are those at which the healed share is reported.
var moments = []time.Duration{time.Second, 3 * time.Second, time.Duration(horizon)}

// shareTable is how much was healed, and when.
func shareTable(rows []row) string { return table(rows, shares) }

// costTable is how long it took, and how many copies.
func costTable(rows []row) string { return table(rows, costs) }

func table(rows []row, cell func(Result) string) string {
	var b strings.Builder
	b.WriteString("| received beside the real flows |")
	for _, s := range Schemes() {
		fmt.Fprintf(&b, " %s |", s.Name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(Schemes())) + "\n")
	for _, r := range rows {
		b.WriteString(tableRow(r, cell))
	}
	return b.String()
}

func tableRow(row row, cell func(Result) string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s |", row.Scenario)
	for _, r := range row.Results {
		fmt.Fprintf(&b, " %s |", cell(r))
	}
	return b.String() + "\n"
}

// shares is for example "31 · 47 · 58", in percent.
func shares(r Result) string {
	var s []string
	for _, m := range moments {
		s = append(s, percent(r.Healed(m)))
	}
	return strings.Join(s, " · ")
}

// percent rounds, but says 0 and 100 only of nothing and of all.
func percent(share float64) string {
	if share == 0 || share == 1 {
		return fmt.Sprint(100 * share)
	}
	return fmt.Sprint(min(max(int(100*share+0.5), 1), 99))
}

// costs is for example "0.21 · 0.42 · 1999".
func costs(r Result) string {
	if len(r.Healing) == 0 {
		return fmt.Sprintf("– · – · %d", r.Copies)
	}
	return fmt.Sprintf("%.2f · %.2f · %d", r.Median().Seconds(), r.Slowest().Seconds(), r.Copies)
}
