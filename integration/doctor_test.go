package integration

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"ptbrelay/audit/check"
	"ptbrelay/integration/lab"
)

// What doctor finds, by the names that scripts rely on.
const (
	severityError   = "error"
	severityUnknown = "unknown"
	severityOK      = "ok"
)

// finding is one of doctor's.
type finding struct{ id, severity, subject, read, why, mend string }

// String is what tells findings apart.
func (f finding) String() string {
	return strings.TrimSpace(f.severity + " " + f.id + " " + f.subject)
}

// diagnosis is all that doctor says of a host.
type diagnosis []finding

// told are the findings that are not ok.
func (d diagnosis) told() []string {
	var told []string
	for _, f := range d {
		if f.severity != severityOK {
			told = append(told, f.String())
		}
	}
	return told
}

// of is what a check found, whatever it is.
func (d diagnosis) of(id string) (found diagnosis) {
	for _, f := range d {
		if f.id == id {
			found = append(found, f)
		}
	}
	return found
}

// doctor runs the command on a node and fails the test unless its answer and its
// exit code are what the contract says, whatever it finds.
func doctor(t testing.TB, n *lab.Node, args ...string) diagnosis {
	t.Helper()
	code, printed := command(t, n, append([]string{"doctor", "--format", "json"}, args...)...)
	d := parseDiagnosis(t, printed)
	want := 0
	if slices.ContainsFunc(d, func(f finding) bool { return f.severity == severityError }) {
		want = 1
	}
	if code != want {
		t.Errorf("doctor on %s: exit code %d, want %d:\n%s", n.Name(), code, want, printed)
	}
	return d
}

// parseDiagnosis reads doctor's JSON as a script would that takes no other.
func parseDiagnosis(t testing.TB, printed string) (d diagnosis) {
	t.Helper()
	var answer map[string][]map[string]string
	if err := json.Unmarshal([]byte(printed), &answer); err != nil || len(answer) != 1 {
		t.Fatalf("%v, keys %v in\n%s", err, slices.Collect(maps.Keys(answer)), printed)
	}
	fields := []string{"id", "mend", "read", "severity", "subject", "why"}
	for _, f := range answer["findings"] {
		if got := slices.Sorted(maps.Keys(f)); !slices.Equal(got, fields) {
			t.Errorf("a finding has fields %v, want %v: %v", got, fields, f)
		}
		d = append(d, finding{f["id"], f["severity"], f["subject"], f["read"], f["why"], f["mend"]})
	}
	checkWhole(t, d)
	return d
}

// checkWhole fails the test unless every check has its say, in its place, and every
// finding says what was read and, where all is not well, why it matters.
func checkWhole(t testing.TB, d diagnosis) {
	t.Helper()
	var ids, want []string
	for _, f := range d {
		ids = append(ids, f.id)
		well := f.severity == severityOK
		if f.read == "" || well != (f.why == "") || well && f.mend != "" {
			t.Errorf("half a finding: %+v", f)
		}
		if !slices.Contains(check.Severities(), check.Severity(f.severity)) {
			t.Errorf("a severity of its own: %+v", f)
		}
	}
	for _, c := range check.All() {
		want = append(want, c.ID)
	}
	if got := slices.Compact(ids); !slices.Equal(got, want) {
		t.Errorf("findings of %v, want %v", got, want)
	}
}
