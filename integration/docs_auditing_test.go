package integration

import (
	"regexp"
	"strings"
	"testing"

	"ptbrelay/audit/check"
)

// The page about auditing, done as it is written, on a server that three things are
// wrong with: each command prints what the page shows.
func TestAuditing(t *testing.T) {
	guide := fileText(t, auditingPage)
	s := newUntried(t, blocks(guide, "yaml")[0])
	shown := 0
	for _, e := range examples(guide) {
		printed := settled(s.do(e.line))
		if e.output == "" {
			continue
		}
		shown++
		if !elided(settled(e.output)).MatchString(printed) {
			t.Errorf("%s prints\n%s\nwhich is not what the page shows:\n%s", e.line, printed, e.output)
		}
	}
	if shown < 5 {
		t.Errorf("the page shows only %d outputs", shown)
	}
	for _, name := range regexp.MustCompile(`\bptbrelay_\w+`).FindAllString(guide, -1) {
		s.exports(name)
	}
}

// Every check that there is stands in the page's table, in the order of its findings.
func TestAuditingChecks(t *testing.T) {
	rest := fileText(t, auditingPage)
	for _, c := range check.All() {
		_, after, ok := strings.Cut(rest, "\n| `"+c.ID+"` | ")
		if !ok {
			t.Errorf("no row %s where it belongs", c.ID)
			continue
		}
		rest = after
	}
}

// settled is a text without what differs from run to run or from kernel to kernel:
// when and how long, rates, and the number of routes. Here an audit is ended when all
// has come, which it tells.
func settled(text string) string {
	for _, differs := range []struct{ pattern, name string }{
		{`(?m)^Not all of it: interrupted.*\n`, ""},
		{`\S+( s)? from \S+ \S+ UTC on`, "TIME"},
		{`\S+/s +`, "RATE "},
		{`Routes: \d+ IPv4, \d+ IPv6`, "Routes: N"},
	} {
		text = regexp.MustCompile(differs.pattern).ReplaceAllString(text, differs.name)
	}
	return text
}
