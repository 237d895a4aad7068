package peers

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ptbrelay/integration/labtest"
)

// soon is when an effect must have been seen; it takes milliseconds.
const soon = 20 * time.Second

// quick is a pace at which tests need not wait, with the clock out of the way.
var quick = pace{
	lookup:  10 * time.Second,
	retry:   10 * time.Millisecond,
	reread:  time.Hour,
	settle:  10 * time.Millisecond,
	longest: 100 * time.Millisecond,
}

// lines is what was logged, a line of text each.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// with returns the lines that hold the text.
func (l *lines) with(text string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for line := range strings.Lines(l.text.String()) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// running is a set at work, and all that it told.
type running struct {
	*Peers
	t    *testing.T
	log  *lines
	mu   sync.Mutex
	sets [][]netip.AddrPort
}

// begin runs the set until the test ends, when nothing of it may be left.
func begin(t *testing.T, c Config, change ...func(*Peers)) *running {
	t.Helper()
	before := goleak.IgnoreCurrent()
	log := new(lines)
	r := &running{Peers: New(c, slog.New(slog.NewTextHandler(log, nil))), t: t, log: log}
	r.pace = quick
	for _, f := range change {
		f(r.Peers)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- r.Run(ctx, r.changed) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		goleak.VerifyNone(t, before)
		if t.Failed() {
			t.Logf("log:\n%s", strings.Join(log.with(""), ""))
		}
	})
	return r
}

func (r *running) changed(set []netip.AddrPort) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sets = append(r.sets, set)
}

func (r *running) told() [][]netip.AddrPort {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.sets)
}

// becomes waits until the set told last is this one.
func (r *running) becomes(want ...string) {
	r.t.Helper()
	labtest.Eventually(r.t, soon, "set", func() error { return r.is(want) })
}

// stays is for a moment after which another set would have been told.
func (r *running) stays(want ...string) {
	r.t.Helper()
	if err := r.is(want); err != nil {
		r.t.Error(err)
	}
}

func (r *running) is(want []string) error {
	told := r.told()
	if len(told) == 0 {
		return fmt.Errorf("nothing told yet")
	}
	last, listed := texts(told[len(told)-1]), texts(addresses(r.List()))
	if !slices.Equal(last, want) || !slices.Equal(listed, want) {
		return fmt.Errorf("told %v, listed %v, want %v", last, listed, want)
	}
	return nil
}

// logs waits until that many lines hold the text.
func (r *running) logs(n int, text string) {
	r.t.Helper()
	labtest.Eventually(r.t, soon, "log", func() error {
		if got := r.log.with(text); len(got) != n {
			return fmt.Errorf("%d lines with %q, want %d", len(got), text, n)
		}
		return nil
	})
}

// unresolvedIs waits until so many of the source are.
func (r *running) unresolvedIs(source string, want int) {
	r.t.Helper()
	labtest.Eventually(r.t, soon, "unresolved", func() error {
		if n, ok := r.Unresolved()[source]; n != want || !ok {
			return fmt.Errorf("%s: %d, %v; want %d", source, n, ok, want)
		}
		return nil
	})
}

func texts(set []netip.AddrPort) []string {
	list := make([]string, len(set))
	for i, a := range set {
		list[i] = a.String()
	}
	return list
}

func staticOf(peers ...string) []netip.AddrPort {
	list := make([]netip.AddrPort, len(peers))
	for i, p := range peers {
		list[i] = netip.MustParseAddrPort(p)
	}
	return list
}

// many returns n addresses of a /16 that begins with these two bytes.
func many(n int, a, b byte) []netip.AddrPort {
	list := make([]netip.AddrPort, n)
	for i := range list {
		list[i] = netip.AddrPortFrom(netip.AddrFrom4([4]byte{a, b, byte(i >> 8), byte(i)}), 7690)
	}
	return list
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// replace puts a file into its place as an editor or a template tool does.
func replace(t *testing.T, path, text string) {
	t.Helper()
	write(t, path+".new", text)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}
