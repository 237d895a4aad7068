package config

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// FuzzParse holds for any file: no panic, an answer in bounded time, an error
// that a terminal can show, or values that are valid and survive being written
// and read again.
func FuzzParse(f *testing.F) {
	for _, folder := range []string{"bad", "good"} {
		for _, text := range files(f, folder) {
			f.Add(text)
		}
	}
	f.Add(read(f, referenceFile))
	f.Fuzz(func(t *testing.T, text string) {
		start := time.Now()
		c, err := parseText(text)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
		if err != nil {
			checkMessage(t, err.Error())
			if d := diff(Config{Control: c.Control}, c); d != "" {
				t.Errorf("a refused file gave values: %s", d)
			}
			return
		}
		if err := c.Validate(); err != nil {
			t.Errorf("parses and is not valid: %v", err)
		}
		again, err := parseText(string(marshal(c)))
		if err != nil {
			t.Fatalf("%v in\n%s", err, marshal(c))
		}
		if d := diff(c, again); d != "" {
			t.Error(d)
		}
		if lines := Changed(c, again); len(lines) > 0 {
			t.Errorf("changed: %q", lines)
		}
	})
}

func checkMessage(t *testing.T, message string) {
	t.Helper()
	lines := strings.Split(message, "\n")
	if len(lines) > maxProblems+1 || !utf8.ValidString(message) {
		t.Errorf("%d lines in %q", len(lines), message)
	}
	for _, line := range lines {
		if line == "" || len(line) > 1000 || strings.IndexFunc(line, unicode.IsControl) >= 0 {
			t.Errorf("line %q", line)
		}
		if !strings.HasPrefix(line, "f.yaml:") && !strings.HasPrefix(line, "and ") {
			t.Errorf("no file in %q", line)
		}
	}
}
