package report

import (
	"strings"
	"testing"

	"ptbrelay/audit/check"
)

// What a name holds neither moves the cursor nor begins a line that seems to be ours.
func TestPlain(t *testing.T) {
	const name, shown = "eth\x1b[2J\r\nok  clock\u202e\xff", "eth\ufffd[2J\ufffd\ufffdok  clock\ufffd\ufffd"
	var b strings.Builder
	findings := []check.Finding{
		{ID: "rp-filter", Severity: check.Warning, Subject: name, Read: name, Why: name, Mend: name},
		{ID: "clock", Severity: check.OK, Read: name},
	}
	if err := Findings(&b, findings); err != nil {
		t.Fatal(err)
	}
	want := "WARNING  rp-filter  " + shown + "\n  read  " + shown + "\n  why   " + shown + "\n  mend  " + shown +
		"\n\nok  clock  " + shown + "\n\n1 warning, 1 ok\n"
	if b.String() != want {
		t.Errorf("%q, want\n%q", b.String(), want)
	}
}
