package integration

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The page has a heading for each alert, and for none that does not exist.
func TestOperatingAlerts(t *testing.T) {
	onPage := firstGroups(regexp.MustCompile(`(?m)^### (.*)$`), chapter(t, operatingPage, "Alerts"))
	rules := firstGroups(regexp.MustCompile(`(?m)^ *- alert: (\w+)$`), fileText(t, rulesFile))
	if diff := cmp.Diff(rules, onPage); diff != "" || len(rules) == 0 {
		t.Errorf("%d alerts; -rules +page:\n%s", len(rules), diff)
	}
}

// The page has a row for each metric, and for none that does not exist.
func TestOperatingMetrics(t *testing.T) {
	rows := firstGroups(regexp.MustCompile("(?m)^\\| `(ptbrelay_\\w+)` \\|"), chapter(t, operatingPage, "Metrics"))
	exported := firstGroups(regexp.MustCompile(`(?m)^# TYPE (ptbrelay_\w+) `), goldenMetrics(t))
	if diff := cmp.Diff(exported, rows); diff != "" || len(exported) == 0 {
		t.Errorf("%d metrics; -exported +page:\n%s", len(exported), diff)
	}
	for _, name := range firstGroups(regexp.MustCompile(`\b(ptbrelay_[a-z_]+)`), fileText(t, operatingPage)) {
		known := slices.ContainsFunc(exported, func(metric string) bool { return strings.HasPrefix(metric, name) })
		if !known {
			t.Errorf("the page speaks of %s, which is not exported", name)
		}
	}
}

// The page says what to do about every verdict, outcome, delivery, result, reason
// and state that there is.
func TestOperatingNames(t *testing.T) {
	label := regexp.MustCompile(`\b(?:verdict|outcome|result|reason|state|type|source)="([a-z-]+)"`)
	series := regexp.MustCompile(`(?m)^ptbrelay_.*$`).FindAllString(goldenMetrics(t), -1)
	names := firstGroups(label, strings.Join(series, "\n"))
	if len(names) < 50 {
		t.Errorf("only %d names found", len(names))
	}
	text := chapter(t, operatingPage, "Metrics")
	for _, name := range names {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("%s is not under Metrics", name)
		}
	}
}
