package bench

import (
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"
)

// summary collects the rows.
type summary struct {
	lines []line
}

type line struct {
	row, unit, target string
	floor, ptbrelay   float64 // floor 0: there is none
}

// add reports a figure of the benchmark at hand, and keeps it for the table.
func (s *summary) add(b *testing.B, unit, target string, floor, ptbrelay float64) {
	b.ReportMetric(ptbrelay, unit)
	if floor != 0 {
		b.ReportMetric(floor, "floor-"+unit)
	}
	_, row, _ := strings.Cut(b.Name(), "/")
	s.lines = append(s.lines, line{row, unit, target, floor, ptbrelay})
}

// String is the table.
func (s *summary) String() string {
	var text strings.Builder
	t := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprint(t, "\nrow\tunit\tfloor\tptbrelay\tratio\ttarget\t\n") // a Builder takes all
	for _, l := range s.lines {
		floor, ratio := "-", "-"
		if l.floor != 0 {
			floor, ratio = number(l.floor), fmt.Sprintf("%.2f", l.ptbrelay/l.floor)
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t\n", l.row, l.unit, floor, number(l.ptbrelay), ratio, l.target)
	}
	_ = t.Flush()
	return text.String()
}

// number has three digits that count.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
