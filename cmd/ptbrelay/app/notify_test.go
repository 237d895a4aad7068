package app

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Where something holds for ever what the daemon needs, the watchdog hears nothing.
func TestPulseHangsWithTheDaemon(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_PID", "") // whoever it is
	t.Setenv("WATCHDOG_USEC", "20000")
	hear := func(patience time.Duration) (string, error) {
		if err := manager.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 512)
		n, err := manager.Read(b)
		return string(b[:n]), err
	}

	d := testDaemon()
	d.mu.Lock()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.pulse(ctx)
	}()
	if said, err := hear(200 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a daemon that hangs says %q, %v", said, err)
	}
	d.mu.Unlock()
	if said, err := hear(within); said != "STATUS=capturing\nWATCHDOG=1" {
		t.Errorf("one that goes on says %q, %v", said, err)
	}
	cancel()
	<-done
}

// What systemctl status shows.
func TestStanding(t *testing.T) {
	d := testDaemon()
	for _, c := range []struct {
		paused, dryRun bool
		want           string
	}{
		{false, false, "STATUS=capturing"},
		{false, true, "STATUS=capturing, dry run"},
		{true, true, "STATUS=capturing, paused"},
	} {
		d.now.Paused, d.now.Config.Relay.DryRun = c.paused, c.dryRun
		if got := d.standing(); got != c.want {
			t.Errorf("paused %v, dry run %v: %q, want %q", c.paused, c.dryRun, got, c.want)
		}
	}
}

// Without a watchdog, or with one that is for another process, there is no pulse.
func TestPulseUnwatched(t *testing.T) {
	for _, env := range []map[string]string{
		{"NOTIFY_SOCKET": "", "WATCHDOG_USEC": "", "WATCHDOG_PID": ""},
		{"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "20000", "WATCHDOG_PID": "1"},
		{"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "no number", "WATCHDOG_PID": ""},
	} {
		for name, value := range env {
			t.Setenv(name, value)
		}
		testDaemon().pulse(t.Context()) // which returns at once
	}
}
