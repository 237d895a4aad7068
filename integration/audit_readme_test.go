package integration

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"ptbrelay/audit"
	"ptbrelay/audit/check"
)

// The README's "Audit first", done as it is written, on a server that three things
// are wrong with: each command prints what the README shows.
func TestReadmeAudit(t *testing.T) {
	guide := section(t, "Audit first")
	s := newUntried(t, blocks(guide, "yaml")[0])
	shown := 0
	for _, e := range examples(guide) {
		printed := settled(s.do(e.line))
		if e.output == "" {
			continue
		}
		shown++
		if !elided(settled(e.output)).MatchString(printed) {
			t.Errorf("%s prints\n%s\nwhich is not what the README shows:\n%s", e.line, printed, e.output)
		}
	}
	if shown < 5 {
		t.Errorf("the README shows only %d outputs", shown)
	}
	for _, name := range regexp.MustCompile(`\bptbrelay_\w+`).FindAllString(guide, -1) {
		s.exports(name)
	}
}

// Every check that there is stands in the README's table, in the order of its
// findings.
func TestReadmeChecks(t *testing.T) {
	rest := section(t, "Audit first")
	for _, c := range check.All() {
		_, after, ok := strings.Cut(rest, "\n| `"+c.ID+"` | ")
		if !ok {
			t.Errorf("no row %s where it belongs", c.ID)
			continue
		}
		rest = after
	}
}

// Every field of a report stands in the README.
func TestReadmeReport(t *testing.T) {
	guide := section(t, "Audit first")
	object, err := json.Marshal(audit.Report{Ended: "interrupted", Host: new(audit.Host)})
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(object, &fields); err != nil {
		t.Fatal(err)
	}
	for name := range fields {
		if !strings.Contains(guide, "`"+name+"`") {
			t.Errorf("%s is not in the README", name)
		}
	}
}

// example is a line of shell, and what the README shows that it prints.
type example struct{ line, output string }

// examples are the lines of the console blocks. A text block is what the last line
// before it prints.
func examples(guide string) (all []example) {
	fence := regexp.MustCompile("(?ms)^```(console|text)\n(.*?)^```$")
	for _, block := range fence.FindAllStringSubmatch(guide, -1) {
		if block[1] == "text" {
			all[len(all)-1].output = block[2]
			continue
		}
		for line := range strings.Lines(block[2]) {
			line, _, _ = strings.Cut(line, " #")
			all = append(all, example{line: strings.TrimSpace(line)})
		}
	}
	return all
}

// elided matches what is shown with "…" for a part of a line, or on a line of its own
// for any lines.
func elided(shown string) *regexp.Regexp {
	pattern := regexp.QuoteMeta(shown)
	pattern = regexp.MustCompile(`(?m)^…\n`).ReplaceAllString(pattern, `(.*\n)*`)
	return regexp.MustCompile("^" + strings.ReplaceAll(pattern, "…", ".*") + "$")
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
