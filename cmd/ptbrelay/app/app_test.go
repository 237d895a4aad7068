package app

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// run is one call of the command line.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = Run(t.Context(), args, strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}

// commands are all but cobra's own help.
func commands(c *cobra.Command) (all []*cobra.Command) {
	for _, sub := range c.Commands() {
		if sub.Name() != "help" {
			all = append(all, sub)
			all = append(all, commands(sub)...)
		}
	}
	return all
}

// Every command, also one added later, has help with examples that call it by
// its right name, refuses flags that it does not know, and prints what went
// wrong on stderr alone.
func TestEveryCommand(t *testing.T) {
	all := commands(rootCommand())
	if len(all) < 10 {
		t.Fatalf("%d commands", len(all))
	}
	for _, c := range all {
		t.Run(c.CommandPath(), func(t *testing.T) {
			path := strings.Fields(c.CommandPath())[1:]
			code, stdout, stderr := run(t, append(path, "--help")...)
			if code != exitOK || stderr != "" {
				t.Errorf("--help exits %d and says %q on stderr", code, stderr)
			}
			_, examples, ok := strings.Cut(stdout, "\nExamples:\n")
			if !ok {
				t.Fatalf("no examples in\n%s", stdout)
			}
			examples, _, _ = strings.Cut(examples, "\n\n")
			if !strings.Contains(examples, path[len(path)-1]) {
				t.Errorf("examples of something else:\n%s", examples)
			}
			for line := range strings.Lines(examples) {
				if !strings.HasPrefix(line, "  ptbrelay ") {
					t.Errorf("example %q", line)
				}
			}
			code, stdout, stderr = run(t, append(path, "--nonsense")...)
			if code != exitUsage || stdout != "" || stderr != "ptbrelay: unknown flag: --nonsense\n" {
				t.Errorf("an unknown flag exits %d, stdout %q, stderr %q", code, stdout, stderr)
			}
		})
	}
}
