package report

import (
	"fmt"
	"io"
	"strings"

	"ptbrelay/audit/check"
)

// Findings prints what checks say: first what is not well, the worst first, then a
// line for each that is, and a sum.
func Findings(to io.Writer, all []check.Finding) error {
	w := &writer{to: to}
	w.findings(all)
	return w.err
}

func (w *writer) findings(all []check.Finding) {
	var sum []string
	for _, s := range check.Severities() {
		of := withSeverity(all, s)
		if len(of) == 0 {
			continue
		}
		if s == check.OK {
			w.good(of)
		} else {
			w.wrong(of)
		}
		sum = append(sum, counts(len(of), s))
	}
	w.printf("%s\n", strings.Join(sum, ", "))
}

// counts is how many findings have a severity: "2 warnings", "2 ok".
func counts(n int, s check.Severity) string {
	if s == check.Error || s == check.Warning {
		return plural(uint64(n), string(s))
	}
	return fmt.Sprintf("%d %s", n, s)
}

func withSeverity(all []check.Finding, s check.Severity) (of []check.Finding) {
	for _, f := range all {
		if f.Severity == s {
			of = append(of, f)
		}
	}
	return of
}

// wrong prints findings in full.
func (w *writer) wrong(all []check.Finding) {
	for _, f := range all {
		w.printf("%s  %s\n", strings.ToUpper(string(f.Severity)), strings.TrimSpace(f.ID+"  "+f.Subject))
		for _, part := range []struct{ name, text string }{{"read", f.Read}, {"why", f.Why}, {"mend", f.Mend}} {
			if part.text != "" {
				w.printf("  %-4s  %s\n", part.name, part.text)
			}
		}
		w.printf("\n")
	}
}

// good prints a line for each check, however many things it found to be well.
func (w *writer) good(all []check.Finding) {
	w.table(0, func(row func(string, ...any)) {
		for i, f := range all {
			if i == 0 || f.ID != all[i-1].ID {
				row("ok\t%s\t%s", f.ID, f.Read)
			}
		}
	})
	w.printf("\n")
}
