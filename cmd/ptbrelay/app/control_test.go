package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/relay/control"
	"ptbrelay/relay/outcome"
)

// pausable is a daemon that is paused or not, and whose selftest is given.
type pausable struct {
	paused atomic.Bool
	tested control.Selftest
}

func (p *pausable) Pause() bool  { return !p.paused.Swap(true) }
func (p *pausable) Resume() bool { return p.paused.Swap(false) }
func (p *pausable) Snapshot() control.Snapshot {
	return control.Snapshot{Version: "v99", Audit: json.RawMessage(`{"begun": {}}`)}
}
func (p *pausable) Selftest(context.Context) control.Selftest { return p.tested }

// controlled runs a real control server for a daemon, and returns the
// configuration that leads to it.
func controlled(t *testing.T, d control.Daemon) (config string, hub *control.Hub) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	hub = new(control.Hub)
	s, err := control.Listen(path, hub)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, d) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, s.Close()); err != nil {
			t.Error(err)
		}
	})
	return write(t, fmt.Sprintf("control: %q\n", path)), hub
}

func TestPauseResume(t *testing.T) {
	d := new(pausable)
	config, _ := controlled(t, d)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"resume"}, "was not paused\n"},
		{[]string{"pause"}, "paused: nothing is sent or injected until `ptbrelay resume`\n"},
		{[]string{"pause"}, "was paused already\n"},
		{[]string{"pause", "--format", "json"}, `{"paused":true,"changed":false}` + "\n"},
		{[]string{"resume", "--format=json"}, `{"paused":false,"changed":true}` + "\n"},
		{[]string{"pause", "--format=text"}, "paused: nothing is sent or injected until `ptbrelay resume`\n"},
		{[]string{"resume"}, "goes on\n"},
	} {
		code, stdout, stderr := run(t, append(c.args, "-c", config)...)
		if code != exitOK || stdout != c.want || stderr != "" {
			t.Errorf("%q: exit %d, %q, want %q; stderr %q", c.args, code, stdout, c.want, stderr)
		}
	}
	if d.paused.Load() {
		t.Error("it is still paused")
	}
}

func healthy() control.Selftest {
	return control.Selftest{
		Transport: "udp",
		Peers: []control.PeerTest{
			{Peer: "203.0.113.11:7690", Heard: true, RoundTripSeconds: 0.00021, ClockSeconds: -0.0004, Delivers: "yes"},
			{Peer: "203.0.113.12:7690", Heard: true, RoundTripSeconds: 0.00123, ClockSeconds: 0.01, Delivers: "yes",
				MissingVIPs: []string{"192.0.2.1", "2001:db8:ffff::1"}},
		},
		Local: []control.LocalTest{
			{Family: "ipv4", OK: true, Before: 1500, After: 1499, Source: "203.0.113.10", Destination: "198.51.100.1"},
			{Family: "ipv6", Skipped: true, Error: "no route to a documentation address"},
		},
	}
}

func TestSelftest(t *testing.T) {
	d := &pausable{tested: healthy()}
	config, _ := controlled(t, d)
	code, stdout, stderr := run(t, "selftest", "-c", config)
	want := strings.TrimPrefix(`
peer               heard  round trip  clock     delivers  lacks
203.0.113.11:7690  yes    0.21 ms     -0.4 ms   yes       -
203.0.113.12:7690  yes    1.23 ms     +10.0 ms  yes       192.0.2.1 2001:db8:ffff::1

this kernel  applies  path MTU      from          toward
ipv4         yes      1500 to 1499  203.0.113.10  198.51.100.1
ipv6         skipped  no route to a documentation address

good
`, "\n")
	if code != exitOK || stdout != want || stderr != "" {
		t.Errorf("exit %d, stderr %q, stdout\n%swant\n%s", code, stderr, stdout, want)
	}
	code, stdout, stderr = run(t, "selftest", "-c", config, "--format", "json")
	if code != exitOK || !strings.HasPrefix(stdout, `{"ok":true,"transport":"udp","paused":false,"dry_run":false,"peers":[{"peer":"203.0.113.11:7690","heard":true,`) || stderr != "" {
		t.Errorf("exit %d, stderr %q, stdout %s", code, stderr, stdout)
	}
}

// A finding is said on stdout with the rest, and is exit code 1.
func TestSelftestFindings(t *testing.T) {
	d := &pausable{tested: healthy()}
	d.tested.Peers[0] = control.PeerTest{Peer: "203.0.113.11:7690", Error: "no receipt came"}
	d.tested.Peers[1].Delivers = "paused"
	d.tested.Paused, d.tested.DryRun = true, true
	d.tested.Local[1] = control.LocalTest{Family: "ipv6", Error: "the path MTU stays 1500"}
	config, _ := controlled(t, d)
	code, stdout, stderr := run(t, "selftest", "-c", config)
	_, tail, _ := strings.Cut(stdout, "path MTU      from")
	want := strings.TrimPrefix(`
ipv6         no       the path MTU stays 1500

finding: this daemon is paused: nothing is sent or injected until `+"`ptbrelay resume`"+`
finding: this daemon is in dry run: nothing is sent or injected while relay.dry_run is true
finding: 203.0.113.11:7690: not heard: no receipt came
finding: 203.0.113.12:7690: does not deliver: paused
finding: ipv6: this kernel was not seen to apply a PTB: the path MTU stays 1500
`, "\n")
	if code != exitFailure || stderr != "" || !strings.HasSuffix(tail, want) {
		t.Errorf("exit %d, stderr %q, stdout\n%swant at the end\n%s", code, stderr, stdout, want)
	}
	code, stdout, stderr = run(t, "selftest", "-c", config, "--format", "json")
	var answer struct {
		OK bool `json:"ok"`
		control.Selftest
	}
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil || code != exitFailure || stderr != "" || answer.OK || len(answer.Peers) != 2 {
		t.Errorf("exit %d, stderr %q, %v, stdout %s", code, stderr, err, stdout)
	}
	d.tested = control.Selftest{Transport: "broadcast"}
	if code, stdout, _ := run(t, "selftest", "-c", config); code != exitFailure || !strings.Contains(stdout, "finding: no other ptbrelay answered") {
		t.Errorf("without peers: exit %d, stdout\n%s", code, stdout)
	}
}

// A test that is skipped, or whose path MTU an earlier one had lowered, says so.
func TestSelftestRows(t *testing.T) {
	for want, l := range map[string]control.LocalTest{
		"ipv4\tyes\t1498 since an earlier selftest\t198.51.100.2\t198.51.100.1": {
			Family: "ipv4", OK: true, Earlier: true, Before: 1499, After: 1498, Source: "198.51.100.2", Destination: "198.51.100.1"},
		"ipv6\tskipped\t-": {Family: "ipv6", Skipped: true},
		"ipv6\tno\t-":      {Family: "ipv6"},
	} {
		if got := localRow(l); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A daemon goes on when its file has become bad, and it is then that people ask it.
func TestDaemonOfABadFile(t *testing.T) {
	config, _ := controlled(t, new(pausable))
	socket, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, append(socket, "nonsense: 1\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := run(t, "pause", "-c", config)
	if code != exitOK || !strings.HasPrefix(stdout, "paused: ") || !strings.Contains(stderr, "nonsense") || !strings.Contains(stderr, " all the same\n") {
		t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	code, stdout, stderr = run(t, "pause", "-c", write(t, "nonsense: 1\n"))
	if code != exitFailure || stdout != "" || strings.Contains(stderr, "all the same") {
		t.Errorf("another file's: exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

// What a daemon of another version says and this one cannot read is said to be so.
func TestAuditOfAnotherVersion(t *testing.T) {
	config, _ := controlled(t, new(pausable)) // whose snapshot has an audit of a version to come
	code, stdout, stderr := run(t, "audit", "--daemon", "-c", config)
	if code != exitFailure || stdout != "" || !strings.Contains(stderr, "the daemon is ptbrelay v99") || !strings.Contains(stderr, "restart it") {
		t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

// watching is a call of `ptbrelay watch` that goes on until stop.
type watching struct {
	lines  *bufio.Scanner
	stop   func()
	ended  chan int
	stderr bytes.Buffer
}

func watchWith(t *testing.T, args ...string) *watching {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	c := &watching{lines: bufio.NewScanner(r), stop: cancel, ended: make(chan int, 1)}
	go func() {
		code := Run(ctx, append([]string{"watch"}, args...), strings.NewReader(""), w, &c.stderr)
		_ = w.Close()
		c.ended <- code
	}()
	t.Cleanup(func() {
		cancel()
		_ = r.Close()
	})
	return c
}

func (w *watching) exits(t *testing.T, want int) {
	t.Helper()
	select {
	case code := <-w.ended:
		if code != want {
			t.Errorf("exit %d, want %d; stderr %q", code, want, w.stderr.String())
		}
	case <-time.After(within):
		t.Fatal("it goes on")
	}
}

func about(client string, f classify.Family) *classify.Message {
	vip, router := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1")
	if f == classify.IPv6 {
		vip, router = netip.MustParseAddr("2001:db8:ffff::1"), netip.MustParseAddr("2001:db8::1")
	}
	return &classify.Message{
		Family: f, Router: router, VIP: vip, MTU: 1400,
		Flow: classify.MakeFlow(classify.TCP, netip.AddrPortFrom(vip, 443), netip.AddrPortFrom(netip.MustParseAddr(client), 50000)),
	}
}

// One line a message, in columns, of at most 120 characters with IPv4; Ctrl-C is
// no failure.
func TestWatch(t *testing.T) {
	config, hub := controlled(t, new(pausable))
	w := watchWith(t, "-c", config)
	want := []string{
		`^time          from             became              mtu        client                 vip                router$`,
		`^TIME  wire             relayed            1400  tcp   203.0.113.9:50000      192.0.2.1:443      198.51.100.1$`,
		`^TIME  203.0.113.111    limited-delivery   1400  tcp   \[2001:db8:1::9\]:50000  \[2001:db8:ffff::1\]:443  2001:db8::1$`,
		`^TIME  wire             mtu-too-large      1400  tcp   203.0.113.9:50000      192.0.2.1:443      198.51.100.1$`,
		`^TIME  wire             not-ip                -  -     -                      -                  -$`,
	}
	for i, pattern := range want {
		if !w.lines.Scan() {
			t.Fatalf("no line %d: %v; stderr %q", i, w.lines.Err(), w.stderr.String())
		}
		line := w.lines.Text()
		if !regexp.MustCompile(strings.Replace(pattern, "TIME", `\d\d:\d\d:\d\d\.\d\d\d`, 1)).MatchString(line) || len(line) > 120 {
			t.Errorf("%d characters:\n%s\nwant\n%s", len(line), line, pattern)
		}
		if i == 0 { // whose line says that it watches
			hub.Received(about("203.0.113.9", classify.IPv4), classify.Eligible, outcome.Relayed)
			hub.Delivered(netip.MustParseAddr("203.0.113.111"), about("2001:db8:1::9", classify.IPv6), classify.Eligible, outcome.LimitedDelivery)
			hub.Received(about("203.0.113.9", classify.IPv4), classify.MTUTooLarge, 0)
			hub.Received(new(classify.Message), classify.NotIP, 0)
		}
	}
	w.stop()
	w.exits(t, exitOK)
	if text := w.stderr.String(); text != "" {
		t.Errorf("stderr %q", text)
	}
}

// What a flood leaves out is told, and filters come before that.
func TestWatchFlood(t *testing.T) {
	config, hub := controlled(t, new(pausable))
	all, one := watchWith(t, "-c", config), watchWith(t, "-c", config, "--client", "203.0.113.0/28", "--outcome", "duplicate")
	for _, w := range []*watching{all, one} {
		if !w.lines.Scan() {
			t.Fatal(w.lines.Err())
		}
	}
	flooded := make(chan struct{})
	go func() {
		defer close(flooded)
		for range 5000 {
			hub.Received(about("203.0.113.99", classify.IPv4), classify.Eligible, outcome.Duplicate)
		}
		hub.Received(about("203.0.113.9", classify.IPv4), classify.Eligible, outcome.Duplicate)
	}()
	for all.lines.Scan() && !strings.HasSuffix(all.lines.Text(), " more not shown") {
	}
	if !strings.HasSuffix(all.lines.Text(), " more not shown") {
		t.Error("it does not say that it left out some")
	}
	if !one.lines.Scan() || !strings.Contains(one.lines.Text(), " 203.0.113.9:50000 ") {
		t.Errorf("the filter shows %q", one.lines.Text())
	}
	<-flooded
}

// Each line is the event as the socket gave it; where the daemon ends, that is a
// failure, and said.
func TestWatchJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	var hub control.Hub
	s, err := control.Listen(path, &hub)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, new(pausable)) }()
	w := watchWith(t, "-c", write(t, fmt.Sprintf("control: %q\n", path)), "--format", "json")
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	shown := make(chan struct{})
	go func() { // until it watches, which only its first line says
		for {
			select {
			case <-tick.C:
				hub.Received(about("203.0.113.9", classify.IPv4), classify.Eligible, outcome.Relayed)
			case <-shown:
				return
			}
		}
	}()
	var e control.Event
	if !w.lines.Scan() {
		t.Fatal(w.lines.Err())
	}
	close(shown)
	if err := json.Unmarshal(w.lines.Bytes(), &e); err != nil || e.Outcome != "relayed" || e.From != control.Wire {
		t.Errorf("%s: %+v %v", w.lines.Text(), e, err)
	}
	cancel()
	if err := errors.Join(<-ended, s.Close()); err != nil {
		t.Error(err)
	}
	for w.lines.Scan() {
	}
	w.exits(t, exitFailure)
	if text := w.stderr.String(); !strings.HasPrefix(text, "ptbrelay: the daemon at ") || !strings.HasSuffix(text, " ended the connection\n") {
		t.Errorf("stderr %q", text)
	}
}

// Each key is a new one, and a line that a key file takes.
func TestGenkey(t *testing.T) {
	seen := make(map[string]bool)
	for range 3 {
		code, stdout, stderr := run(t, "genkey")
		key, ok := strings.CutSuffix(stdout, "\n")
		b, err := base64.StdEncoding.DecodeString(key)
		if code != exitOK || stderr != "" || !ok || err != nil || len(b) != 32 || seen[key] {
			t.Errorf("exit %d, %q %v, stderr %q", code, stdout, err, stderr)
		}
		seen[key] = true
	}
}
