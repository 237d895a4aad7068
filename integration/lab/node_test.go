//go:build linux

package lab_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

func start(t *testing.T, n *lab.Node, args ...string) *lab.Process {
	t.Helper()
	return labtest.Start(t, n, args...)
}

func wait(t *testing.T, p *lab.Process) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	code, err := p.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// awaitLog waits until the process has written text.
func awaitLog(t *testing.T, p *lab.Process, text string) {
	t.Helper()
	labtest.Eventually(t, 10*time.Second, "process writes "+text, func() error {
		if log := p.Log(); !strings.Contains(log, text) {
			return fmt.Errorf("log is %q", log)
		}
		return nil
	})
}

func TestProcessOutputAndExitCode(t *testing.T) {
	p := start(t, labtest.Node(t, "n"), "exit")
	if code := wait(t, p); code != 7 {
		t.Errorf("exit code %d", code)
	}
	if log := p.Log(); log != "out\nerr\n" {
		t.Errorf("log %q", log)
	}
	if p.State() == nil {
		t.Error("no state after exit")
	}
}

func TestProcessSignals(t *testing.T) {
	n := labtest.Node(t, "n")
	p := start(t, n, "wait")
	awaitLog(t, p, "waiting")
	if code := labtest.Stop(t, p); code != 3 {
		t.Errorf("exit code %d after SIGTERM, want 3", code)
	}
	p = start(t, n, "hang")
	awaitLog(t, p, "hanging")
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if code := wait(t, p); code != 128+9 {
		t.Errorf("exit code %d after SIGKILL, want 137", code)
	}
	if err := p.Kill(); err == nil {
		t.Error("no error from killing a dead process")
	}
}

func TestProcessWaitEndsWithContext(t *testing.T) {
	p := start(t, labtest.Node(t, "n"), "wait")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestNodeHasItsOwnRun(t *testing.T) {
	a, b := labtest.Node(t, "a"), labtest.Node(t, "b")
	err := a.Do(func() error { return os.WriteFile("/run/here", nil, 0o600) })
	if err != nil {
		t.Fatal(err)
	}
	for node, want := range map[*lab.Node]string{a: "1 <nil>\n", b: "0 <nil>\n"} {
		p := start(t, node, "run-dir")
		wait(t, p)
		if p.Log() != want {
			t.Errorf("node %s: /run as its process sees it: %q, want %q", node.Name(), p.Log(), want)
		}
	}
	if _, err := os.Stat("/run/here"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("file on a node's /run is visible outside: %v", err)
	}
}

func TestDoKeepsTheWorkingDirectoryAndTheNamespace(t *testing.T) {
	n := labtest.Node(t, "n")
	want, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			err := n.Do(func() error {
				if got, err := filepath.Abs("."); err != nil || got != want {
					return fmt.Errorf("working directory %q, %w", got, err)
				}
				links, err := net.Interfaces()
				if err == nil && len(links) != 1 {
					err = fmt.Errorf("%d interfaces", len(links))
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := n.Do(func() error { return os.ErrInvalid }); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("error of the function: %v", err)
	}
}

func TestClosedNodeRefuses(t *testing.T) {
	n := labtest.Node(t, "n")
	for range 2 {
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Do(func() error { return nil }); !errors.Is(err, lab.ErrClosed) {
		t.Errorf("Do: %v", err)
	}
	if _, err := n.Start(t.Context(), lab.Command{Args: []string{"exit"}}); !errors.Is(err, lab.ErrClosed) {
		t.Errorf("Start: %v", err)
	}
	if err := n.SendFrame("lo", make([]byte, 60)); err == nil {
		t.Error("SendFrame: no error")
	}
}

func TestSysctlIsTheNodes(t *testing.T) {
	a, b := labtest.Node(t, "a"), labtest.Node(t, "b")
	const key = "net/ipv4/ip_forward"
	if err := a.SetSysctl(key, "1"); err != nil {
		t.Fatal(err)
	}
	for node, want := range map[*lab.Node]string{a: "1", b: "0"} {
		if got, err := node.Sysctl(key); err != nil || got != want {
			t.Errorf("node %s: %s is %q, %v; want %s", node.Name(), key, got, err, want)
		}
	}
	if err := a.SetSysctl("net/ipv4/no_such_thing", "1"); err == nil {
		t.Error("no error for an unknown sysctl")
	}
}

func TestCountersAreTheNodes(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 1})
	c, err := l.Servers[0].Counters()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"UdpNoPorts", "Udp6NoPorts"} {
		if c[name] == 0 {
			t.Errorf("%s is 0 after the readiness probe", name)
		}
	}
	if _, ok := c["TcpExtOutOfWindowIcmps"]; !ok {
		t.Error("no TcpExtOutOfWindowIcmps")
	}
}

// descriptors counts this process's open files.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// children lists this process's children, zombies included.
func children(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	var pids []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if errors.Is(err, os.ErrNotExist) {
			continue // a thread that ended meanwhile
		}
		pids = append(pids, strings.Fields(string(b))...)
	}
	return pids
}

// What is written below /run only the node sees.
func TestFilesInRunAreTheNodesOwn(t *testing.T) {
	const path, text = "/run/lab-test", "a secret"
	one, other := labtest.Node(t, "one"), labtest.Node(t, "other")
	if err := one.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	err := one.Do(func() error {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 || string(b) != text {
			return fmt.Errorf("mode %v, content %q, %w", info.Mode(), b, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("outside: %v", err)
	}
	if err := other.Do(func() error { _, err := os.Stat(path); return err }); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("on another node: %v", err)
	}
	if err := one.WriteFile("/run/absent/file", nil, 0o600); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("into no folder: %v", err)
	}
}

func TestLabLeavesNothingBehind(t *testing.T) {
	labtest.Require(t)
	before, goroutines := descriptors(t), goleak.IgnoreCurrent()
	for _, shape := range []lab.Shape{lab.ShapeSegment, lab.ShapeRouted, lab.ShapeSegment} {
		l, err := lab.New(t.Context(), lab.Options{Shape: shape, Clients: 8})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.TapServers(); err != nil {
			t.Fatal(err)
		}
		for _, n := range l.Nodes() {
			start(t, n, "hang")
		}
		if _, err := l.Downloads(t.Context(), lab.Load{Timeout: 300 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		if len(children(t)) != len(l.Nodes()) {
			t.Errorf("children %v", children(t))
		}
		for range 2 {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if pids := children(t); len(pids) > 0 {
		t.Errorf("children left: %v", pids)
	}
	goleak.VerifyNone(t, goroutines)
	labtest.Eventually(t, 5*time.Second, "descriptors are closed", func() error {
		if now := descriptors(t); now > before {
			return fmt.Errorf("%d open, %d before", now, before)
		}
		return nil
	})
	if entries, err := os.ReadDir("/run/netns"); err == nil && len(entries) > 0 {
		t.Errorf("named namespaces: %v", entries)
	}
}

func TestNewRefusesBadOptions(t *testing.T) {
	labtest.Require(t)
	for _, o := range []lab.Options{{Servers: 65}, {Clients: 251}, {PathMTU: 1279}, {SegmentMTU: 576}, {Shape: 2}, {RPFilter: 3}, {VIPs: 3}, {VIPCount: 65}, {ClientMTU: 576}, {PTBRate: -1}} {
		l, err := lab.New(t.Context(), o)
		if err == nil {
			t.Errorf("%+v: no error", o)
			_ = l.Close()
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lab.New(ctx, lab.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v after the context ended", err)
	}
}
