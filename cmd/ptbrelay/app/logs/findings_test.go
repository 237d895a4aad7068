package logs

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"ptbrelay/audit/check"
)

// However many findings come at once, and however long their commands, a reading of
// the host puts a few short lines into the log.
func TestFindingsIsBounded(t *testing.T) {
	var found []check.Finding
	for i := range 1000 {
		found = append(found, check.Finding{
			ID: "rp-filter", Severity: check.Warning, Subject: fmt.Sprint("eth", i), Read: "strict\n\x1b[2J",
			Mend: "sysctl -w" + strings.Repeat(fmt.Sprintf(" net.ipv4.conf.eth%d.rp_filter=2", i), 100),
		})
	}
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	Findings(log, nil, found)
	if lines := strings.Count(out.String(), "\n"); lines != maxFindings+1 || out.Len() > lines*500 {
		t.Errorf("%d lines, %d bytes", lines, out.Len())
	}
	if text := out.String(); strings.Contains(text, "sysctl") || strings.Contains(text, "\x1b") || !strings.Contains(text, "number=980") {
		t.Error(text)
	}
	out.Reset()
	Findings(log, found, found)
	if out.Len() != 0 {
		t.Errorf("of findings that stay it says\n%s", &out)
	}
}
