//go:build linux

package labtest

import (
	"context"
	"errors"
	"os"
	"strings"
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
	case refusal == nil:
	case errors.Is(refusal, lab.ErrRefused) && os.Getenv(requireLab) == "":
		t.Skipf("no lab here (set %s=1 to fail instead): %v", requireLab, refusal)
	default:
		t.Fatalf("no lab: %v", refusal)
	}
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
	t.Cleanup(func() {
		if t.Failed() {
			var b strings.Builder
			l.Dump(&b)
			t.Log(b.String())
		}
		if err := l.Close(); err != nil {
			t.Errorf("close the lab: %v", err)
		}
	})
	return l
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
	p, err := n.Start(context.WithoutCancel(t.Context()), lab.Command{Args: args, Env: []string{actAsDaemon + "=1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), cleanupWithin)
		defer cancel()
		if _, err := p.Stop(ctx); err != nil {
			t.Errorf("the daemon did not stop when told to: %v\n%s", err, p.Log())
			_ = p.Kill() // the lab's Close waits for it
		}
	})
	return p
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
