package app

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"ptbrelay/relay/capture"
)

// queue is a source for which messages wait, or not.
type queue struct {
	noSource
	waiting atomic.Bool
}

func (q *queue) Waiting() bool { return q.waiting.Load() }

// heard is what a service manager hears.
type heard struct {
	t    *testing.T
	conn *net.UnixConn
}

// watched has this process watched by a service manager that wants to hear of it 50 times
// a second.
func watched(t *testing.T) heard {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_PID", "") // whoever it is
	t.Setenv("WATCHDOG_USEC", "20000")
	return heard{t, conn}
}

// next is what it hears next, or nothing if that takes longer.
func (h heard) next(patience time.Duration) string {
	h.t.Helper()
	if err := h.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		h.t.Fatal(err)
	}
	b := make([]byte, 512)
	n, err := h.conn.Read(b)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		h.t.Fatal(err)
	}
	return string(b[:n])
}

// lives fails the test unless it hears again and again that the daemon lives.
func (h heard) lives() {
	h.t.Helper()
	for range 3 {
		if said := h.next(within); said != "STATUS=capturing\nWATCHDOG=1" {
			h.t.Errorf("a daemon that lives says %q", said)
		}
	}
}

// silent waits until it hears nothing any more.
func (h heard) silent() {
	h.t.Helper()
	for begin := time.Now(); h.next(200*time.Millisecond) != ""; {
		if time.Since(begin) > within {
			h.t.Fatal("a daemon that hangs goes on saying that it lives")
		}
	}
}

// While something holds what the daemon needs, or its capture takes nothing of what
// waits, the watchdog hears nothing.
func TestPulseHangsWithTheDaemon(t *testing.T) {
	h, d, q := watched(t), testDaemon(), new(queue)
	d.source = q
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		(&pulse{daemon: d}).run(ctx)
	}()
	h.lives()
	d.mu.Lock()
	h.silent()
	d.mu.Unlock()
	h.lives()
	q.waiting.Store(true)
	h.silent()
	q.waiting.Store(false)
	h.lives()
	cancel()
	<-done
}

// The capture hangs where messages wait from one beat to the next and none was taken,
// and no longer than that.
func TestCaptureHangs(t *testing.T) {
	d, q := testDaemon(), new(queue)
	d.source = q
	p := &pulse{daemon: d}
	for i, step := range []struct{ waiting, taken, want bool }{
		{false, false, false},
		{true, false, false},
		{true, false, true},
		{true, false, true},
		{true, true, false},
		{true, false, true},
		{false, false, false},
		{true, false, false},
	} {
		q.waiting.Store(step.waiting)
		if step.taken {
			p.relay.Handle(time.Now(), []capture.Packet{{Data: []byte{0}}}) // not-ip counts as well
		}
		if got := p.captureHangs(); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
}

// What systemctl status shows.
func TestStanding(t *testing.T) {
	d := testDaemon()
	for _, c := range []struct {
		paused, dryRun, refused bool
		want                    string
	}{
		{false, false, false, "STATUS=capturing"},
		{false, true, false, "STATUS=capturing, dry run"},
		{true, true, true, "STATUS=capturing, paused, configuration refused"},
		{false, false, true, "STATUS=capturing, configuration refused"},
	} {
		d.now.Paused, d.now.Config.Relay.DryRun = c.paused, c.dryRun
		if d.reloads.Succeeded(time.Now()); c.refused {
			d.reloads.Failed()
		}
		if got := d.standing(); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// Without a watchdog, or with one that is for another process, there is no pulse.
func TestPulseUnwatched(t *testing.T) {
	for _, env := range []struct{ patience, pid string }{{"", ""}, {"20000", "1"}, {"no number", ""}} {
		t.Setenv("WATCHDOG_USEC", env.patience)
		t.Setenv("WATCHDOG_PID", env.pid)
		(&pulse{daemon: testDaemon()}).run(t.Context()) // which returns at once
	}
}
