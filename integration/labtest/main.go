//go:build linux

package labtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"ptbrelay/integration/lab"
)

const (
	// requireLab turns skips into failures; CI sets it.
	requireLab = "PTBRELAY_REQUIRE_LAB"
	// ActAsDaemon is the environment variable that makes a test binary the
	// daemon; [Start] sets it.
	ActAsDaemon = "PTBRELAY_ACT_AS_DAEMON"
)

// errNoLab is why there can be no labs in this process; set once by Main.
var errNoLab = errors.New("TestMain does not call labtest.Main")

// Main is for TestMain; it never returns. It runs the tests inside the lab's
// namespaces. In a process that [Start] made it runs daemon, which may be nil
// where no test starts one, with the arguments after the program's name.
func Main(m *testing.M, daemon func(args []string) int) {
	if os.Getenv(ActAsDaemon) != "" {
		if daemon == nil {
			fmt.Fprintln(os.Stderr, "labtest: started as a daemon, but TestMain names none")
			os.Exit(2)
		}
		// As it is called where it is installed; here the file is a test's.
		if err := os.WriteFile("/proc/self/comm", []byte("ptbrelay"), 0); err != nil {
			fmt.Fprintln(os.Stderr, "labtest: name the process:", err)
			os.Exit(2)
		}
		os.Exit(daemon(os.Args[1:]))
	}
	code, inside, err := lab.Enter(context.Background())
	if err == nil && !inside {
		os.Exit(code)
	}
	errNoLab = err
	os.Exit(m.Run())
}
