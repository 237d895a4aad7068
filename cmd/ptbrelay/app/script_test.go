package app

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts always name a configuration, so that this host's own has no say,
// and none gets as far as to capture or send.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"refused": refused},
		Setup: func(e *testscript.Env) error {
			// Else a process under the race detector sleeps before it exits.
			e.Setenv("GORACE", "atexit_sleep_ms=0")
			return nil
		},
	})
}

// refused is the script command
//
//	refused CODE LINES ARGUMENTS...
//
// ptbrelay with these arguments exits with CODE, prints nothing on stdout and
// so many lines on stderr, each with its name before it.
func refused(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: refused CODE LINES ARGUMENTS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	lines, err := strconv.Atoi(args[1])
	ts.Check(err)
	var exit *exec.ExitError
	if err := ts.Exec("ptbrelay", args[2:]...); !errors.As(err, &exit) || exit.ExitCode() != want {
		ts.Fatalf("ptbrelay %q: %v, want exit code %d", args[2:], err, want)
	}
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("ptbrelay %q: stdout: %s", args[2:], out)
	}
	text := ts.ReadFile("stderr")
	got := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(got) != lines || !strings.HasSuffix(text, "\n") {
		ts.Fatalf("ptbrelay %q: %d lines on stderr, want %d", args[2:], len(got), lines)
	}
	for _, line := range got {
		if rest, ok := strings.CutPrefix(line, "ptbrelay: "); !ok || strings.TrimSpace(rest) == "" {
			ts.Fatalf("ptbrelay %q: stderr: %q", args[2:], line)
		}
	}
}
