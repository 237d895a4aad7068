package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ptbrelay/classify"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/outcome"
)

// within bounds what must happen soon.
const within = 10 * time.Second

// running is a server on a real socket that the test stops.
type running struct {
	Client
	hub  *Hub
	stop func()
}

func run(t *testing.T, d Daemon) running {
	t.Helper()
	r := running{Client: Client{Path: filepath.Join(t.TempDir(), "s")}, hub: new(Hub)}
	s, err := Listen(r.Path, r.hub)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, d) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err := errors.Join(err, s.Close()); err != nil {
				t.Error(err)
			}
		case <-time.After(within):
			t.Error("the server goes on")
		}
	})
	t.Cleanup(r.stop)
	return r
}

// dial opens a connection of its own.
func (r running) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("unix", r.Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	return c
}

// ask sends lines as they are and returns all that is answered.
func (r running) ask(t *testing.T, lines string) string {
	t.Helper()
	c := r.dial(t)
	_, _ = io.WriteString(c, lines) // the server may have said no already
	_ = c.(*net.UnixConn).CloseWrite()
	b, err := io.ReadAll(c)
	if err != nil && !errors.Is(err, unix.ECONNRESET) {
		t.Fatal(err)
	}
	return string(b)
}

func TestPauseResume(t *testing.T) {
	d := new(fakeDaemon)
	r := run(t, d)
	for _, c := range []struct {
		ask  func(context.Context) (Switch, error)
		want Switch
	}{
		{r.Resume, Switch{Paused: false, Changed: false}},
		{r.Pause, Switch{Paused: true, Changed: true}},
		{r.Pause, Switch{Paused: true, Changed: false}},
		{r.Resume, Switch{Paused: false, Changed: true}},
	} {
		if got, err := c.ask(t.Context()); err != nil || got != c.want || d.paused.Load() != c.want.Paused {
			t.Errorf("%+v %v, want %+v", got, err, c.want)
		}
	}
	if got, want := r.ask(t, `{"command":"pause"}`+"\n"), `{"paused":true,"changed":true}`+"\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// A snapshot of the most peers is larger than any socket buffer.
func TestSnapshot(t *testing.T) {
	d := &fakeDaemon{snapshot: fullSnapshot()}
	d.snapshot.PeersLeftOut = 0
	for i := range MaxPeers {
		d.snapshot.Peers = append(d.snapshot.Peers, Peer{Address: fmt.Sprint("203.0.113.11:", i), Sources: []string{"static"}})
	}
	got, err := run(t, d).Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := d.snapshot
	want.Peers, want.PeersLeftOut = want.Peers[:MaxPeers], 1
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%d peers, %d left out; the rest %+v", len(got.Peers), got.PeersLeftOut, got)
	}
}

// What JSON has no words for is an error that the client is told.
func TestAnswerWithoutWords(t *testing.T) {
	r := run(t, &fakeDaemon{snapshot: Snapshot{UptimeSeconds: math.NaN()}})
	if _, err := r.Snapshot(t.Context()); err == nil || !strings.Contains(err.Error(), "NaN") {
		t.Errorf("%v", err)
	}
}

// A server without a socket ends, and says so.
func TestSocketGone(t *testing.T) {
	s, err := Listen(filepath.Join(t.TempDir(), "s"), new(Hub))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context(), new(fakeDaemon)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
}

// Selftests that are asked for at once come one after the other.
func TestSelftests(t *testing.T) {
	var at, most int
	var mu sync.Mutex
	r := run(t, &fakeDaemon{selftest: func(context.Context) Selftest {
		mu.Lock()
		at++
		most = max(most, at)
		mu.Unlock()
		defer func() {
			mu.Lock()
			at--
			mu.Unlock()
		}()
		return good()
	}})
	var clients sync.WaitGroup
	for range maxConnections {
		clients.Go(func() {
			s, err := r.Selftest(t.Context())
			if err != nil || !reflect.DeepEqual(s, good()) {
				t.Errorf("%+v %v", s, err)
			}
		})
	}
	clients.Wait()
	if most != 1 {
		t.Errorf("%d at once", most)
	}
}

func TestWatch(t *testing.T) {
	r := run(t, new(fakeDaemon))
	filter, err := ParseFilter("203.0.113.9", "", "injected")
	if err != nil {
		t.Fatal(err)
	}
	w, err := r.Watch(t.Context(), filter)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.hub.Received(message("203.0.113.9"), classify.Eligible, outcome.Relayed)
	r.hub.Delivered(peer, message("203.0.113.8"), classify.Eligible, outcome.Injected)
	r.hub.Delivered(peer, message("203.0.113.9"), classify.Eligible, outcome.Injected)
	e, err := w.Next()
	if err != nil || e.From != peer.String() || e.Delivery != "injected" || e.Client.String() != "203.0.113.9" || e.Skipped != 0 {
		t.Errorf("%+v %v", e, err)
	}
	w.Close()
	labtest.Eventually(t, within, "the watcher leaves", func() error {
		if n := r.hub.watching.Load(); n != 0 {
			return fmt.Errorf("%d watch", n)
		}
		return nil
	})
}

// Half closing ends a watch, for a client that only went away looks the same.
func TestHalfCloseEndsWatch(t *testing.T) {
	r := run(t, new(fakeDaemon))
	if got, want := r.ask(t, `{"command":"watch"}`+"\n"), `{"watching":true}`+"\n"; got != want && got != "" {
		t.Errorf("%q, want %q", got, want)
	}
	labtest.Eventually(t, within, "the watcher leaves", func() error {
		if n := r.hub.watching.Load(); n != 0 {
			return fmt.Errorf("%d watch", n)
		}
		return nil
	})
}

// Garbage gets one line that says what is wrong, and the server goes on.
func TestGarbage(t *testing.T) {
	r := run(t, new(fakeDaemon))
	random := make([]byte, 100_000)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	for _, c := range []struct{ lines, want string }{
		{"\n", "not a request"},
		{`{"command":"pause"}`, "does not end with a newline"},
		{`{"command":"pause"}` + "\n" + `{"command":"pause"}` + "\n", "more than one line"},
		{strings.Repeat(" ", maxRequest-1) + "\n", "not a request"},
		{strings.Repeat(" ", maxRequest) + "\n", "more than 4096 bytes"},
		{strings.Repeat("x", 1<<20), "more than 4096 bytes"},
		{string(random), ""},
		{`{"command":"watch","outcome":"` + strings.Repeat("x", 4000) + `"}` + "\n", "is not known"},
	} {
		var f failure
		answer := r.ask(t, c.lines)
		if err := json.Unmarshal([]byte(answer), &f); err != nil || f.Error == "" || !strings.Contains(f.Error, c.want) || strings.Count(answer, "\n") != 1 {
			t.Errorf("%.40q: %.200q, want %q", c.lines, answer, c.want)
		}
	}
	if answer := r.ask(t, ""); answer != "" {
		t.Errorf("one who only looked got %q", answer)
	}
	if _, err := r.Pause(t.Context()); err != nil {
		t.Error(err)
	}
}

// Who comes when all connections are taken is told so, by the client of ours
// too; when one ends, there is room again.
func TestTooManyConnections(t *testing.T) {
	r := run(t, new(fakeDaemon))
	var open []net.Conn
	for range maxConnections {
		open = append(open, r.dial(t))
	}
	want := "16 connections are open"
	labtest.Eventually(t, within, "all are taken", func() error {
		if answer := r.ask(t, ""); !strings.Contains(answer, want) {
			return errors.New("there is room: " + answer)
		}
		return nil
	})
	if _, err := r.Pause(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
	_ = open[0].Close()
	labtest.Eventually(t, within, "there is room again", func() error {
		_, err := r.Pause(t.Context())
		return err
	})
}

func TestTooManyWatching(t *testing.T) {
	r := run(t, new(fakeDaemon))
	for range maxWatchers {
		w, err := r.Watch(t.Context(), Filter{})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
	}
	if _, err := r.Watch(t.Context(), Filter{}); err == nil || !strings.Contains(err.Error(), "8 are watching already") {
		t.Errorf("%v", err)
	}
	if _, err := r.Pause(t.Context()); err != nil {
		t.Errorf("the others: %v", err)
	}
}

// Under a flood a watcher who does not read is dropped; one who does sees
// events all the time, and the flood is not held up by either.
func TestSlowWatcher(t *testing.T) {
	t.Parallel()
	r := run(t, new(fakeDaemon))
	slow := r.dial(t)
	if _, err := io.WriteString(slow, `{"command":"watch"}`+"\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReaderSize(slow, 16).ReadString('\n'); err != nil || line != `{"watching":true}`+"\n" {
		t.Fatal(line, err)
	}
	w, err := r.Watch(t.Context(), Filter{})
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan uint64)
	go func() {
		defer close(seen)
		for {
			e, err := w.Next()
			if err != nil {
				return
			}
			n := e.Skipped
			if e.Verdict != "" {
				n++
			}
			seen <- n
		}
	}()

	m := message("203.0.113.9")
	const batch, most = 500, 10_000 // 100 000 a second
	var called, counted uint64
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range most {
		if r.hub.watching.Load() == 1 {
			break
		}
		select {
		case n := <-seen:
			counted += n
		case <-tick.C:
			for range batch {
				r.hub.Received(m, classify.Eligible, outcome.Relayed)
			}
			called += batch
		}
	}
	if n := r.hub.watching.Load(); n != 1 {
		t.Fatalf("%d watch, want 1", n)
	}
	deadline := time.After(within)
	for counted < called {
		select {
		case n := <-seen:
			counted += n
		case <-deadline:
			t.Fatalf("the other saw %d and was told of no more, of %d", counted, called)
		}
	}
	if counted != called {
		t.Errorf("the other saw %d of %d", counted, called)
	}
	w.Close()
	for range seen {
	}
}

// A stop ends watches and is seen by them; the socket is gone.
func TestStop(t *testing.T) {
	r := run(t, new(fakeDaemon))
	w, err := r.Watch(t.Context(), Filter{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	idle := r.dial(t)
	r.stop()
	if _, err := w.Next(); err == nil || !strings.Contains(err.Error(), "ended the connection") {
		t.Errorf("%v", err)
	}
	if b, err := io.ReadAll(idle); len(b) > 0 {
		t.Errorf("%q %v", b, err)
	}
	if exists(t, r.Path) {
		t.Error("the socket is left")
	}
}

// A process without a free file descriptor answers again once it has one.
func TestDescriptorsExhausted(t *testing.T) {
	r := run(t, new(fakeDaemon))
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	restore := func() error { return unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) }
	defer func() { _ = restore() }()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: r.Path}); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(fd, []byte(`{"command":"pause"}`+"\n")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	read := func() error {
		n, _, err := unix.Recvfrom(fd, b, unix.MSG_DONTWAIT)
		b = b[:max(n, 0)]
		return err
	}
	labtest.Quiet(t, 2*acceptPause, "no descriptor, no answer", func() error {
		if err := read(); !errors.Is(err, unix.EAGAIN) {
			return fmt.Errorf("%q %w", b, err)
		}
		b = b[:cap(b)]
		return nil
	})
	if err := restore(); err != nil {
		t.Fatal(err)
	}
	labtest.Eventually(t, within, "an answer", func() error {
		b = b[:cap(b)]
		return read()
	})
	if got, want := string(b), `{"paused":true,"changed":true}`+"\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
