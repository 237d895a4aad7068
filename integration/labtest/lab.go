//go:build linux

package labtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"ptbrelay/integration/lab"
)

// cleanupWithin bounds what happens after a test, when its context has ended.
const cleanupWithin = 10 * time.Second

// Require skips the test where the host does not allow namespaces, and fails
// it where they must be there or something else is wrong.
func Require(t testing.TB) {
	t.Helper()
	switch {
	case errNoLab == nil:
	case errors.Is(errNoLab, lab.ErrRefused):
		Unable(t, fmt.Errorf("no lab here: %w", errNoLab))
	default:
		t.Fatalf("no lab: %v", errNoLab)
	}
}

// Unable skips a test for want of something that this host does not have. Where
// labs are required, as in CI, it fails it instead.
func Unable(t testing.TB, why error) {
	t.Helper()
	if os.Getenv(requireLab) != "" {
		t.Fatal(why)
	}
	t.Skipf("%v (set %s=1 to fail instead)", why, requireLab)
}

// New builds a lab for the test. When the test ends it is closed; had the test
// failed, its state is logged first.
func New(t testing.TB, o lab.Options) *lab.Lab {
	t.Helper()
	Require(t)
	l, err := lab.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	dump := dumpOnce(t, l)
	for _, n := range l.Nodes() {
		dumps.Store(n, dump)
	}
	t.Cleanup(func() {
		dump()
		for _, n := range l.Nodes() {
			dumps.Delete(n)
		}
		if err := l.Close(); err != nil {
			t.Errorf("close the lab: %v", err)
		}
	})
	return l
}

// dumps holds, by node, the function that dumps the node's lab. Cleanups run
// last first: daemons stop before the lab closes, and what they held (rules,
// sockets) would be gone from a dump made only then.
var dumps sync.Map

// dumpOnce returns a function that logs the lab's state once the test has
// failed, and only once.
func dumpOnce(t testing.TB, l *lab.Lab) func() {
	var once sync.Once
	return func() {
		if !t.Failed() {
			return
		}
		once.Do(func() { t.Log(l.Dump()) })
	}
}

// Node makes a single node for the test.
func Node(t testing.TB, name string) *lab.Node {
	t.Helper()
	Require(t)
	n, err := lab.NewNode(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close node %s: %v", name, err)
		}
	})
	return n
}

// Start runs the daemon that TestMain named on a node. When the test ends it
// gets SIGTERM, and SIGKILL if that does not end it within ten seconds, which
// fails the test.
func Start(t testing.TB, n *lab.Node, args ...string) *lab.Process {
	t.Helper()
	p, err := n.Start(context.WithoutCancel(t.Context()), lab.Command{Args: args, Env: DaemonEnv()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if dump, ok := dumps.Load(n); ok {
			dump.(func())()
		}
		ctx, cancel := context.WithTimeout(context.Background(), cleanupWithin)
		defer cancel()
		if _, err := p.Stop(ctx); err != nil {
			t.Errorf("the daemon did not stop when told to: %v\n%s", err, p.Log())
			_ = p.Kill() // the lab's Close waits for it
		}
	})
	return p
}

// DaemonEnv makes the test binary act as the daemon. Under the race detector a
// process sleeps a second before it exits, unless told otherwise.
func DaemonEnv() []string {
	return []string{ActAsDaemon + "=1", "GORACE=atexit_sleep_ms=0 " + os.Getenv("GORACE")}
}

// Stop ends a daemon by SIGTERM and returns its exit code.
func Stop(t testing.TB, p *lab.Process) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), cleanupWithin)
	defer cancel()
	code, err := p.Stop(ctx)
	if err != nil {
		t.Fatalf("%v\n%s", err, p.Log())
	}
	return code
}

// Downloads runs the load and fails the test where it could not be run.
func Downloads(t testing.TB, l *lab.Lab, load lab.Load) lab.Report {
	t.Helper()
	r, err := l.Downloads(t.Context(), load)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Probes runs the UDP load and fails the test where it could not be run.
func Probes(t testing.TB, l *lab.Lab, load lab.Load) lab.Report {
	t.Helper()
	r, err := l.Probes(t.Context(), load)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
