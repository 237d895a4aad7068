package app

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"ptbrelay/classify"
	"ptbrelay/cmd/ptbrelay/app/fabric"
	"ptbrelay/cmd/ptbrelay/app/settings"
	"ptbrelay/config"
	"ptbrelay/relay"
	"ptbrelay/relay/capture"
	"ptbrelay/relay/control"
	"ptbrelay/relay/transport"
)

// within bounds what must happen at once.
const within = 5 * time.Second

// noSource is a source that nothing comes from.
type noSource struct{}

func (noSource) Run(context.Context, capture.Handler) error { return nil }
func (noSource) Stats() capture.Stats                       { return capture.Stats{Overrun: 2, Gap: 1} }
func (noSource) Waiting() bool                              { return false }
func (noSource) Close() error                               { return nil }

// nobody is a fabric without peers.
type nobody struct{ fabric.Fabric }

func (nobody) Send(time.Time, []classify.Message, []transport.Result) {}
func (nobody) Follow(settings.Situation)                              {}
func (nobody) FanOut() int                                            { return 0 }
func (nobody) Show(*control.Snapshot)                                 {}
func (nobody) Count(s *relay.Sources) {
	s.Transport = func() transport.Stats { return transport.Stats{} }
}

// testDaemon is a daemon of which only the counts are real.
func testDaemon() *daemon {
	d := &daemon{
		now:    settings.Situation{Config: config.Default()},
		log:    slog.New(slog.DiscardHandler),
		fabric: nobody{},
		source: noSource{},
	}
	d.auditor = d.openAuditor()
	d.relay = relay.New(d.fabric, d.auditor.Observations, &d.hub, relay.Settings{})
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
