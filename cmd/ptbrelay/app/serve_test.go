package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"ptbrelay/audit"
	"ptbrelay/audit/host"
	"ptbrelay/config"
	"ptbrelay/relay"
	"ptbrelay/relay/capture"
	"ptbrelay/relay/transport"
)

// within bounds what must happen at once.
const within = 5 * time.Second

// noSource is a source that nothing comes from.
type noSource struct{}

func (noSource) Run(context.Context, capture.Handler) error { return nil }
func (noSource) Stats() capture.Stats                       { return capture.Stats{Overrun: 2, Gap: 1} }
func (noSource) Close() error                               { return nil }

// testDaemon is a daemon of which only the counts are real.
func testDaemon() *daemon {
	d := &daemon{
		now:    situation{cfg: config.Default()},
		log:    slog.New(slog.DiscardHandler),
		fabric: &segment{Broadcast: new(transport.Broadcast)},
		source: noSource{},
		auditor: &auditor{
			observations: audit.NewQueuedObservations(nil),
			host:         audit.NewHostCollector(func() (host.Counters, error) { return host.Counters{PTBIn6: 7}, nil }),
		},
	}
	d.relay = relay.New(d.fabric, d.auditor.observations, &d.hub, relay.Settings{})
	d.reloads.Succeeded(time.Unix(1, 0))
	return d
}

func TestHandler(t *testing.T) {
	d := testDaemon()
	h := d.handler()
	for _, c := range []struct {
		method, path string
		capturing    bool
		want         int
		body         string
	}{
		{"GET", "/healthz", false, http.StatusOK, "alive\n"},
		{"GET", "/healthz", true, http.StatusOK, "alive\n"},
		{"HEAD", "/healthz", true, http.StatusOK, ""},
		{"GET", "/readyz", false, http.StatusServiceUnavailable, "not capturing\n"},
		{"GET", "/readyz", true, http.StatusOK, "capturing\n"},
		{"GET", "/readyz", false, http.StatusServiceUnavailable, "not capturing\n"},
		{"GET", "/metrics", false, http.StatusOK, `ptbrelay_capture_lost_total{reason="overrun"} 2`},
		{"GET", "/metrics", true, http.StatusOK, "ptbrelay_config_reload_success 1"},
		{"POST", "/metrics", true, http.StatusMethodNotAllowed, ""},
		{"POST", "/readyz", true, http.StatusMethodNotAllowed, ""},
		{"GET", "/", false, http.StatusOK, `<dd data-state="capturing">no</dd>`},
		{"GET", "/", true, http.StatusOK, `<dd data-state="capturing">yes</dd>`},
		{"HEAD", "/", true, http.StatusOK, ""},
		{"POST", "/", true, http.StatusMethodNotAllowed, ""},
		{"GET", "/x", true, http.StatusNotFound, ""},
		{"GET", "/metrics/x", true, http.StatusNotFound, ""},
		{"GET", "/debug/pprof/", true, http.StatusNotFound, ""},
	} {
		d.capturing.Store(c.capturing)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		if w.Code != c.want || !strings.Contains(w.Body.String(), c.body) {
			t.Errorf("%s %s, capturing %v: %d %q, want %d %q", c.method, c.path, c.capturing, w.Code, w.Body, c.want, c.body)
		}
	}
}

// What is exported keeps to Prometheus's conventions and to our prefix.
func TestRegistry(t *testing.T) {
	r := testDaemon().registry()
	problems, err := testutil.GatherAndLint(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	for _, f := range families {
		names[f.GetName()] = true
		prefix, _, _ := strings.Cut(f.GetName(), "_")
		if prefix != "ptbrelay" && prefix != "go" && prefix != "process" {
			t.Errorf("%s: prefix %s", f.GetName(), prefix)
		}
	}
	for _, name := range []string{
		"ptbrelay_build_info", "ptbrelay_received_total", "ptbrelay_verdicts_total", "ptbrelay_outcomes_total",
		"ptbrelay_copies_total", "ptbrelay_send_errors_total", "ptbrelay_next_hop_mtu_bytes", "ptbrelay_relay_latency_seconds",
		"ptbrelay_capture_lost_total", "ptbrelay_paused", "ptbrelay_config_reload_success",
		"ptbrelay_config_reload_timestamp_seconds", "go_goroutines",
	} {
		if !names[name] {
			t.Errorf("no %s", name)
		}
	}
}

func TestListenErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for address, remedy := range map[string]string{
		taken.Addr().String(): `choose another address, or "" for none`,
		"192.0.2.1:7690":      `set http.listen to one that it has, or to "" for none`,
	} {
		s, err := listen(config.HTTP{Listen: address})
		if err == nil {
			t.Errorf("%s: listens", address)
			_ = s.close()
			continue
		}
		text := err.Error()
		if !strings.HasPrefix(text, "http.listen: ") || !strings.HasSuffix(text, remedy) || strings.Contains(text, "\n") {
			t.Errorf("%s: %s", address, text)
		}
	}
}

// Without an address there is no server, and nothing that could fail.
func TestServeOff(t *testing.T) {
	s, err := listen(config.HTTP{})
	if err != nil || s.address() != "off" {
		t.Errorf("%q, %v", s.address(), err)
	}
	if err := errors.Join(s.serve(t.Context(), http.NotFoundHandler(), slog.New(slog.DiscardHandler)), s.close()); err != nil {
		t.Error(err)
	}
}

// serving is a server that runs until stop.
func serving(t *testing.T, h http.Handler) (url string, stop func() error) {
	t.Helper()
	s, err := listen(config.HTTP{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.serve(ctx, h, slog.New(slog.DiscardHandler)) }()
	return "http://" + s.address(), func() error {
		cancel()
		select {
		case err := <-ended:
			return errors.Join(err, s.close())
		case <-time.After(within):
			return errors.New("the server goes on")
		}
	}
}

func TestServe(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	url, stop := serving(t, testDaemon().handler())
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get(url + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if r.StatusCode != http.StatusServiceUnavailable || string(b) != "not capturing\n" || err != nil {
		t.Errorf("%d %q %v", r.StatusCode, b, err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := client.Get(url + "/readyz"); err == nil {
		t.Error("it still answers")
	}
}

// A request that does not end cannot hold up the stop.
func TestServeStopsDespiteRequest(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	url, stop := serving(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-release
	}))
	defer close(release)
	answered := make(chan error, 1)
	go func() {
		r, err := http.Get(url)
		if err == nil {
			_ = r.Body.Close()
		}
		answered <- err
	}()
	<-arrived
	if err := stop(); err != nil {
		t.Error(err)
	}
	if err := <-answered; err == nil {
		t.Error("the request got an answer")
	}
}

// A listener that was closed without serving can be closed again.
func TestListenClose(t *testing.T) {
	s, err := listen(config.HTTP{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}
}
