package integration

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// manager is a service manager that only listens (sd_notify(3)).
type manager struct {
	t    testing.TB
	conn *net.UnixConn

	mu    sync.Mutex
	heard []string
}

// newManager listens at an address on a node until the test ends; one that begins with
// @ is abstract, and the network namespace's.
func newManager(t testing.TB, n *lab.Node, address string) *manager {
	t.Helper()
	m := &manager{t: t}
	err := n.Do(func() (err error) {
		m.conn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = m.conn.Close() // it ends what listens
		<-done
	})
	go func() {
		defer close(done)
		b := make([]byte, 4096)
		for {
			size, err := m.conn.Read(b)
			if err != nil {
				return
			}
			m.mu.Lock()
			m.heard = append(m.heard, string(b[:size]))
			m.mu.Unlock()
		}
	}()
	return m
}

// forget forgets what it has heard.
func (m *manager) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.heard = nil
}

// listens returns an error unless it has heard this.
func (m *manager) listens(want string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.Contains(m.heard, want) {
		return fmt.Errorf("heard %q", m.heard)
	}
	return nil
}

// hears waits until it is told this.
func (m *manager) hears(want string) {
	m.t.Helper()
	labtest.Eventually(m.t, 5*time.Second, fmt.Sprintf("the service manager hears %q", want), func() error { return m.listens(want) })
}

// The service manager hears when the daemon captures, as long as it lives, and that it
// stops: by a socket with a path, as systemd's, or without, as in containers.
func TestServiceManagerIsTold(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]string{"path": filepath.Join(t.TempDir(), "notify"), "abstract": "@ptbrelay"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := labtest.New(t, lab.Options{Clients: 1, Servers: 1}).Servers[0]
			m := newManager(t, server, address)
			p := startManaged(t, server, address)
			m.hears("READY=1\nSTATUS=capturing")
			if found := tables(t, server); !slices.Equal(found, []string{"ptbrelay"}) {
				t.Errorf("ready with the tables %v", found)
			}
			m.hears("STATUS=capturing\nWATCHDOG=1")
			if code, text := command(t, server, "pause"); code != 0 {
				t.Fatalf("pause: exit code %d: %s", code, text)
			}
			m.hears("STATUS=capturing, paused\nWATCHDOG=1")
			stopped(t, p, m)
			if code := labtest.Stop(t, p); code != 0 {
				t.Errorf("exit code %d", code)
			}
			m.hears("STOPPING=1\nSTATUS=")
		})
	}
}

// startManaged runs a daemon on a server as a service manager does that wants to hear
// of it every second.
func startManaged(t testing.TB, server *lab.Node, address string) *lab.Process {
	t.Helper()
	p, err := server.Start(context.WithoutCancel(t.Context()), lab.Command{
		Args: []string{"run", "--interface", "eth0"},
		Env:  append(labtest.DaemonEnv(), "NOTIFY_SOCKET="+address, "WATCHDOG_USEC=1000000", "WATCHDOG_PID="),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// stopped checks that a process which gets no processor says nothing for as long, and
// then goes on.
func stopped(t testing.TB, p *lab.Process, m *manager) {
	t.Helper()
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	awaitStopped(t, p)
	m.forget()
	labtest.Quiet(t, time.Second, "a stopped process says nothing", func() error {
		if m.listens("STATUS=capturing, paused\nWATCHDOG=1") == nil {
			return errors.New("it lives")
		}
		return nil
	})
	if err := p.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	m.hears("STATUS=capturing, paused\nWATCHDOG=1")
}

// awaitStopped waits until the kernel has stopped a process (proc_pid_stat(5)).
func awaitStopped(t testing.TB, p *lab.Process) {
	t.Helper()
	labtest.Eventually(t, time.Second, "the process is stopped", func() error {
		stat := fileText(t, fmt.Sprintf("/proc/%d/stat", p.Pid()))
		if _, after, _ := strings.Cut(stat, ") "); !strings.HasPrefix(after, "T") {
			return errors.New(stat)
		}
		return nil
	})
}
