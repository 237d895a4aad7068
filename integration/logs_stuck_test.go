package integration

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// unread is where the output of a process goes that nobody reads.
type unread struct {
	stuck    chan struct{} // closed when there was something to read
	released chan struct{}
	once     sync.Once
}

func (u *unread) Write(p []byte) (int, error) {
	u.once.Do(func() { close(u.stuck) })
	<-u.released
	return len(p), nil
}

// Nobody reads the log, and it is full: PTBs are relayed and injected, peers and
// scrapes are answered, the configuration is read again, and the daemon stops in time.
func TestLogStuck(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2, Shape: lab.ShapeRouted})
	stuck, other := l.Servers[0], l.Servers[1]
	for _, s := range l.Servers {
		labtest.WriteKeys(t, s, labtest.Key(0))
	}
	path := writeConfig(t, "log: {level: debug}\n")
	log := &unread{stuck: make(chan struct{}), released: make(chan struct{})}
	p, err := stuck.Start(context.WithoutCancel(t.Context()), lab.Command{
		Args:   append([]string{"run", "--transport", "udp", "--key-file", labtest.KeyFile, "--config", path}, labtest.Peers(l, lab.IPv4)...),
		Env:    labtest.DaemonEnv(),
		Output: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	release := sync.OnceFunc(func() { close(log.released) })
	defer release()                    // before the lab asks for what was logged
	t.Cleanup(func() { _ = p.Kill() }) // it may have ended
	<-log.stuck
	fillStderr(t, p)
	// From here on every line is one that nobody reads: the receiver tells of the peer.
	await(t, stuck, `ptbrelay_peers{source="static",state="down"}`, 1)
	labtest.StartUDPRelay(t, other, labtest.Peers(l, lab.IPv4)...)
	labtest.AwaitPeers(t, l)

	labtest.FromRouter(t, l, 0, classifytest.PTB{MTU: 300}.Bytes())
	labtest.FromRouter(t, l, 0, classifytest.PTB{ClientPort: 50001}.Bytes())
	labtest.FromRouter(t, l, 1, classifytest.PTB{ClientPort: 50002}.Bytes())
	await(t, stuck, verdictMetric("ipv4", classify.MTUTooSmall), 1)
	await(t, stuck, outcomeMetric("ipv4", "relayed"), 1)
	await(t, other, deliveryMetric("ipv4", "injected"), 1)
	await(t, stuck, deliveryMetric("ipv4", "injected"), 1)

	writeFile(t, path, "log: {level: debug}\nrelay: {dry_run: true}\n")
	port := uint16(50003)
	labtest.Eventually(t, 5*time.Second, "the configuration is read again", func() error {
		labtest.FromRouter(t, l, 0, classifytest.PTB{ClientPort: port}.Bytes())
		port++
		if metricsOf(t, stuck)[outcomeMetric("ipv4", "dry-run")] == 0 {
			return errNotYet
		}
		return nil
	})

	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	labtest.Eventually(t, 5*time.Second, "the daemon ends", func() error {
		if err := syscall.Kill(p.Pid(), 0); !errors.Is(err, syscall.ESRCH) {
			return errNotYet
		}
		return nil
	})
	release()
	if code := labtest.Stop(t, p); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// fillStderr fills the pipe that is a process's stderr.
func fillStderr(t *testing.T, p *lab.Process) {
	t.Helper()
	pipe, err := unix.Open(fmt.Sprintf("/proc/%d/fd/2", p.Pid()), unix.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pipe)
	for size := 4096; size > 0; size /= 4096 {
		for err = nil; err == nil; {
			_, err = unix.Write(pipe, make([]byte, size))
		}
		if !errors.Is(err, unix.EAGAIN) {
			t.Fatal(err)
		}
	}
}
