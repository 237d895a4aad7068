package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ptbrelay/audit"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// auditing is an `audit` on a host. Unlike a [lab.Process] it has a stdin, and what
// it says to stdout and to stderr is kept apart.
type auditing struct {
	t              testing.TB
	cmd            *exec.Cmd
	stdout, stderr heard
	ended          chan struct{} // closed when it has ended
}

// heard is what a command has said so far.
type heard struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (h *heard) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(b)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

// startAudit runs `ptbrelay audit` with these arguments on a host, at most until
// the test ends.
func startAudit(t testing.TB, n *lab.Node, args ...string) *auditing {
	t.Helper()
	return startAuditWith(t, n, nil, nil, args...)
}

// startAuditWith is startAudit with something on stdin, and by a thread that did
// something before.
func startAuditWith(t testing.TB, n *lab.Node, stdin io.Reader, before func() error, args ...string) *auditing {
	t.Helper()
	a := &auditing{t: t, ended: make(chan struct{})}
	a.cmd = exec.Command("/proc/self/exe", append([]string{"audit"}, args...)...)
	a.cmd.Env = append(os.Environ(), labtest.DaemonEnv()...)
	a.cmd.Stdin, a.cmd.Stdout, a.cmd.Stderr = stdin, &a.stdout, &a.stderr
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL} // when its thread ends
	started := make(chan error, 1)
	go func() {
		defer close(a.ended)
		err := n.Do(func() error {
			if before != nil {
				if err := before(); err != nil {
					return err
				}
			}
			if err := a.cmd.Start(); err != nil {
				return err
			}
			started <- nil
			_ = a.cmd.Wait() // ProcessState tells
			return nil
		})
		if err != nil {
			started <- err
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = a.cmd.Process.Kill() // it may have ended
		<-a.ended
	})
	return a
}

func (a *auditing) signal(s os.Signal) {
	a.t.Helper()
	if err := a.cmd.Process.Signal(s); err != nil {
		a.t.Fatal(err)
	}
}

// says waits until stderr has some text.
func (a *auditing) says(text string) {
	a.t.Helper()
	labtest.Eventually(a.t, commandWithin, "the audit says "+text, func() error {
		select {
		case <-a.ended:
			if !strings.Contains(a.stderr.String(), text) {
				a.t.Fatalf("it ended and said\n%s", &a.stderr)
			}
		default:
		}
		if !strings.Contains(a.stderr.String(), text) {
			return errNotYet
		}
		return nil
	})
}

// observing waits until it observes.
func (a *auditing) observing() *auditing {
	a.t.Helper()
	a.says("observing PTBs and SYNs")
	return a
}

// exits waits for the end and fails the test unless the exit code is this one.
func (a *auditing) exits(want int) *auditing {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), commandWithin)
	defer cancel()
	select {
	case <-a.ended:
	case <-ctx.Done():
		a.t.Fatalf("the audit goes on; it said\n%s", &a.stderr)
	}
	if got := a.cmd.ProcessState.ExitCode(); got != want {
		a.t.Errorf("%q: exit code %d, want %d:\n%s%s", a.cmd.Args[1:], got, want, &a.stdout, &a.stderr)
	}
	return a
}

// report reads the JSON that it printed, and nothing else.
func (a *auditing) report() *audit.Report {
	a.t.Helper()
	return parseReport(a.t, a.stdout.String())
}

func parseReport(t testing.TB, text string) *audit.Report {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	r := new(audit.Report)
	if err := d.Decode(r); err != nil {
		t.Fatalf("%v in %.300s", err, text)
	}
	if d.More() {
		t.Errorf("more than a report: %.300s", text[d.InputOffset():])
	}
	return r
}

// refuses fails the test unless it ended with exit code 1, without a report and
// with an error of one line that has some text.
func (a *auditing) refuses(text string) {
	a.t.Helper()
	a.exits(1)
	if a.stdout.String() != "" {
		a.t.Errorf("%q: it printed\n%s", a.cmd.Args[1:], &a.stdout)
	}
	checkError(a.t, a.stderr.String(), text)
}

// checkError fails the test unless what was said on stderr ends in an error of one
// line that has some text.
func checkError(t testing.TB, said, text string) {
	t.Helper()
	if strings.Count(said, "ptbrelay: ") != 1 || !strings.Contains(said, text) || !strings.HasSuffix(said, "\n") {
		t.Errorf("want one line with %q, it said\n%s", text, said)
	}
}

// withoutCapabilities takes from the calling thread, and so from what it starts,
// all that root has.
func withoutCapabilities() error {
	for c := range uintptr(unix.CAP_LAST_CAP + 1) {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && err != unix.EINVAL {
			return err
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return unix.Capset(&header, &none[0])
}
