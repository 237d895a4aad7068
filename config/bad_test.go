package config

import (
	"errors"
	"strings"
	"testing"
)

// Every file of testdata/bad breaks one rule (one breaks many) and begins with
// the whole expected error, a "# want: " line for each problem, without the
// file's name.
func TestBadFiles(t *testing.T) {
	for name, text := range files(t, "bad") {
		t.Run(name, func(t *testing.T) {
			var want []string
			for line := range strings.Lines(text) {
				message, ok := strings.CutPrefix(line, "# want: ")
				if !ok {
					break
				}
				want = append(want, name+":"+strings.TrimSuffix(message, "\n"))
			}
			if len(want) == 0 {
				t.Fatal("no # want: line")
			}
			c, err := Parse(strings.NewReader(text), name)
			if err == nil {
				t.Fatal("parses")
			}
			if got := err.Error(); got != strings.Join(want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
			}
			if d := diff(Config{Control: c.Control}, c); d != "" {
				t.Errorf("a refused file gave values: %s", d)
			}
			var p Problem
			if !errors.As(err, &p) || p.File != name || p.Line == 0 || p.Column == 0 {
				t.Errorf("no Problem with a position in %#v", p)
			}
		})
	}
}

func TestManyProblemsAreCut(t *testing.T) {
	_, err := parseText("policy: {ports: [" + strings.Repeat("0, ", 1000) + "]}")
	if err == nil {
		t.Fatal("parses")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != maxProblems+1 || lines[maxProblems] != "and 900 more problems" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}
