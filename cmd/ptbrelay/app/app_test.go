package app

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
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
				if !strings.HasPrefix(line, "  ") || !strings.Contains(line, "ptbrelay") {
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

// A command whose output cannot be written fails, and says so.
func TestFullDisk(t *testing.T) {
	config, _ := controlled(t, new(pausable))
	for _, args := range [][]string{
		{"version"}, {"genkey"}, {"check-config"}, {"rules", "nft"}, {"rules", "iptables"}, {"man"}, {"pause"}, {"selftest"}, {"watch"}, {"doctor"},
	} {
		var stderr bytes.Buffer
		code := Run(t.Context(), append(args, "-c", config), nil, new(fullDisk), &stderr)
		if code != exitFailure || stderr.String() != "ptbrelay: no space left on device\n" {
			t.Errorf("%q: exit code %d, %q", args, code, stderr.String())
		}
	}
}

// The version is that of the build, as far as there is one.
func TestBuildVersion(t *testing.T) {
	unstamped := buildVersion()
	defer func() { version = "" }()
	if version = "v1.2.3"; buildVersion() != version || unstamped == "" || unstamped == version {
		t.Errorf("%q, stamped %q", unstamped, buildVersion())
	}
}

// What is wrong is said a thing a line, to the journal as severe as it is.
func TestComplain(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "stderr")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	for _, stream := range []string{"8:12345", fmt.Sprintf("%d:%d", st.Dev, st.Ino)} {
		t.Setenv("JOURNAL_STREAM", stream)
		complain(file, errors.New("one\ntwo\n"))
	}
	got, err := os.ReadFile(file.Name())
	const want = "ptbrelay: one\nptbrelay: two\n<3>ptbrelay: one\n<3>ptbrelay: two\n"
	if string(got) != want || err != nil {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

// Who ends while nobody reads its log ends with its exit code and without another word,
// else with what there is to say.
func TestLastWord(t *testing.T) {
	failed := errors.New("failed")
	for _, c := range []struct {
		err  error
		code int
	}{{nil, exitOK}, {failed, exitFailure}, {usage(failed), exitUsage}} {
		var exit exitError
		unread := lastWord(c.err, false)
		if (unread == nil) != (c.err == nil) || unread != nil && (!errors.As(unread, &exit) || exit.err != nil || exit.code != c.code) {
			t.Errorf("unread, %v: ends with %#v", c.err, unread)
		}
		if read := lastWord(c.err, true); !errors.Is(read, c.err) {
			t.Errorf("%v: ends with %v", c.err, read)
		}
	}
}
