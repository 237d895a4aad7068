package control

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pretender answers each request with the same bytes and closes.
func pretender(t *testing.T, answer string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = bufio.NewReader(c).ReadString('\n')
			_, _ = io.WriteString(c, answer)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	return path
}

// The client says what is the matter and what to do, whatever is at its path.
func TestClientErrors(t *testing.T) {
	left := filepath.Join(t.TempDir(), "s")
	dead(t, left)
	file := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	busy := filepath.Join(t.TempDir(), "s")
	fullBacklog(t, busy)
	const noDaemon = "no daemon answers at PATH: is `ptbrelay run` running here"
	for _, c := range []struct{ name, path, want string }{
		{"absent", filepath.Join(t.TempDir(), "s"), noDaemon},
		{"absent directory", filepath.Join(t.TempDir(), "absent/s"), noDaemon},
		{"left by one that was killed", left, noDaemon},
		{"no socket", file, noDaemon},
		{"too long", "/" + strings.Repeat("s", 107), "at most 107 bytes"},
		{"busy", busy, "the daemon at PATH does not answer"},
		{"silent", pretender(t, ""), "the daemon at PATH ended the connection"},
		{"half a line", pretender(t, `{"paused":true`), "the daemon at PATH ended the connection"},
		{"another program", pretender(t, "220 mail.example ESMTP\n"), "what answers at PATH is no ptbrelay of this version"},
		{"another answer", pretender(t, `{"paused":"perhaps"}`+"\n"), "what answers at PATH is no ptbrelay of this version"},
		{"too much", pretender(t, strings.Repeat("x", maxAnswer+1)), "the daemon at PATH ended the connection"},
		{"refused", pretender(t, `{"error":"because"}`+"\n"), "because"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := Client{Path: c.path}
			_, pause := client.Pause(t.Context())
			_, watch := client.Watch(t.Context(), Filter{})
			for _, err := range []error{pause, watch} {
				if err == nil && strings.HasPrefix(c.name, "another answer") {
					continue // to watch it is good enough
				}
				if err == nil || !strings.Contains(err.Error(), strings.ReplaceAll(c.want, "PATH", c.path)) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%v, want %q", err, c.want)
				}
			}
		})
	}
}

// Who may not is told who may.
func TestClientPermission(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	dead(t, path)
	if err := os.Chmod(dir, 0); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chmod(dir, 0o700) }()
	withoutOverride(t, func() {
		_, err := Client{Path: path}.Pause(t.Context())
		want := path + ": permission denied: only "
		if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "user "+strconv.Itoa(os.Getuid())) {
			t.Errorf("%v, want %q and user %d", err, want, os.Getuid())
		}
	})
}

// Whoever it is, where nobody can see it.
func TestOwnerOutOfSight(t *testing.T) {
	if got := owner(filepath.Join(t.TempDir(), "absent/s")); got != "the daemon's user" {
		t.Errorf("%q", got)
	}
}

// withoutOverride runs f on a thread that is bound to file permissions, as root
// is not. The thread ends with it.
func withoutOverride(t *testing.T, f func()) {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // and never unlocked
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var data [2]unix.CapUserData
		if err := unix.Capget(&header, &data[0]); err != nil {
			t.Error(err)
			return
		}
		data[0].Effective &^= 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH
		if err := unix.Capset(&header, &data[0]); err != nil {
			t.Error(err)
			return
		}
		f()
	}()
	<-ended
}

// A daemon that is there and says nothing is not waited for without end, and
// not after the context has ended.
func TestClientDoesNotWait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := ask[Switch](t.Context(), path, 50*time.Millisecond, request{Command: commandPause}); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := (Client{Path: path}).Selftest(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if _, err := (Client{Path: path}).Watch(ctx, Filter{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

// The context ends a watch that waits for an event.
func TestWatchEndsWithContext(t *testing.T) {
	r := run(t, new(fakeDaemon))
	ctx, cancel := context.WithCancel(t.Context())
	w, err := r.Watch(ctx, Filter{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ended := make(chan error)
	go func() {
		_, err := w.Next()
		ended <- err
	}()
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(within):
		t.Fatal("it still waits")
	}
}
