package statuspage

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/html"

	"ptbrelay/audit"
	"ptbrelay/audit/check"
	"ptbrelay/audit/host"
	"ptbrelay/audit/report"
	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/cmd/ptbrelay/app/settings"
	"ptbrelay/config"
	"ptbrelay/relay"
	"ptbrelay/relay/capture"
	"ptbrelay/relay/control"
	"ptbrelay/relay/deliver"
	"ptbrelay/relay/rules"
	"ptbrelay/relay/transport"
)

// told is a daemon of which only the counts are real.
type told struct {
	registry *prometheus.Registry
	peers    int
	snapshot control.Snapshot
	audit    audit.Report
}

// Send implements relay.Transport.
func (*told) Send(time.Time, []classify.Message, []transport.Result) {}

// handler serves the page and the metrics.
func (d *told) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", Handler(d.source()))
	mux.Handle("/metrics", promhttp.HandlerFor(d.registry, promhttp.HandlerOpts{}))
	return mux
}

func (d *told) source() Source {
	return Source{
		Metrics:   d.registry,
		State:     func() control.Snapshot { return d.snapshot },
		Capturing: func() bool { return true },
		Waiting:   func() []string { return nil },
		Audit:     func() *audit.Report { return &d.audit },
		Log:       slog.New(slog.DiscardHandler),
	}
}

// broadcasting is a daemon with transport broadcast that has heard the corpus.
func broadcasting(counters func() (host.Counters, error), findings ...check.Finding) *told {
	d := &told{snapshot: control.Snapshot{Transport: "broadcast", Interfaces: []string{"eth0"}}}
	d.open(counters, relay.Sources{}, findings)
	return d
}

// routed is a daemon with transport udp that has heard the corpus.
func routed(peers int, findings ...check.Finding) *told {
	d := &told{peers: peers, snapshot: control.Snapshot{Transport: "udp", DryRun: true}}
	for i := range peers {
		d.snapshot.Peers = append(d.snapshot.Peers, control.Peer{Address: fmt.Sprintf("198.51.%d.%d:7690", i/256, i%256), Sources: []string{"static"}})
	}
	d.open(counted, relay.Sources{Deliver: delivered, Datagrams: received, Peers: d.countPeers}, findings)
	return d
}

func (d *told) open(counters func() (host.Counters, error), s relay.Sources, findings []check.Finding) {
	observations := audit.NewObservations(nil)
	s.Relay = relay.New(d, observations, new(control.Hub), settings.Anywhere(config.Default()).Relay())
	for _, c := range classifytest.Corpus() {
		s.Relay.Handle(time.Now(), []capture.Packet{{Data: c.Packet}})
	}
	s.Capture = func() capture.Stats { return capture.Stats{Overrun: 2, Gap: 1} }
	s.TransportName = d.snapshot.Transport
	s.Transport = func() transport.Stats { return transport.Stats{Copies: 11, Errors: 12} }
	s.Rules = func() (rules.Stats, bool) { return rules.Stats{Guarded: 13}, true }
	s.Reload = new(relay.Reload)
	s.Reload.Succeeded(time.Unix(1, 0))
	observations.Fill(&d.audit)
	read := audit.NewHostCollector(counters)
	if len(findings) > 0 {
		facts := check.Facts{Routes: tagged()}
		d.audit.Host = audit.HostReport(&facts, host.Counters{}, findings)
		read.Set(audit.HostReading{Routes: facts.Routes, Findings: findings})
	}
	d.registry = prometheus.NewRegistry()
	d.registry.MustRegister(audit.NewCollector(observations.NextHopMTU()), read, relay.NewCollector(s))
}

func counted() (host.Counters, error) { return host.Counters{PTBIn6: 7}, nil }

func delivered() (d deliver.Stats) {
	for family := range d.Deliveries {
		d.Received[family] = uint64(1000 + family)
		for i := range d.Deliveries[family] {
			d.Deliveries[family][i] = uint64(100*family + i)
		}
	}
	return d
}

func received() (d transport.Datagrams) {
	for t := range d {
		for r := range d[t] {
			d[t][r] = uint64(2000 + 10*t + r)
		}
	}
	return d
}

func (d *told) countPeers() (c relay.PeerCounts) {
	c[relay.StaticPeers][relay.PeerDown] = d.peers
	return c
}

func tagged() (f check.Fact[host.Routes]) {
	f.Value = host.Routes{Tagged: []host.FIBRoute{
		{Destination: netip.MustParsePrefix("::/0"), Table: 254, MTU: 1280},
		{Destination: netip.MustParsePrefix("10.0.0.0/8"), Table: 100, MTU: 1400, MTULocked: true},
		{Destination: netip.MustParsePrefix("10.0.0.0/8"), Table: 100, MTU: 1400, MTULocked: true, AdvMSS: 1300},
	}}
	return f
}

func get(t testing.TB, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return w
}

// onPage are the numbers of a page by the series that they stand for.
func onPage(t testing.TB, page *bytes.Buffer) map[string]string {
	t.Helper()
	root, err := html.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	numbers := make(map[string]string)
	for n := range root.Descendants() {
		for _, a := range n.Attr {
			if a.Key == "data-metric" {
				numbers[a.Val] = n.FirstChild.Data
			}
		}
	}
	return numbers
}

// Every number on the page is that of the metrics, and there is no count of messages
// and no finding that is not on it.
func TestPageEqualsMetrics(t *testing.T) {
	broadcast, udp := broadcasting(counted), routed(3, check.Finding{ID: "clock", Severity: check.Warning})
	for name, c := range map[string]struct {
		daemon *told
		absent string // series that have no place on the page
	}{
		"broadcast": {broadcast, `from="peer"|ptbrelay_(deliveries|datagrams|applied)_total|ptbrelay_peers`},
		"udp":       {udp, `^$`},
	} {
		h := c.daemon.handler()
		page := onPage(t, get(t, h, "/").Body)
		absent := regexp.MustCompile(c.absent + `|^ptbrelay_(build_info|paused|config_reload|relay_latency_seconds|next_hop_mtu_bytes_(sum|bucket))`)
		for line := range strings.Lines(get(t, h, "/metrics").Body.String()) {
			series, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			if !strings.HasPrefix(series, "ptbrelay_") || absent.MatchString(series) {
				continue
			}
			// Labels of ours hold no space.
			if page[series] != value {
				t.Errorf("%s: %s is %q on the page, %s in the metrics", name, series, page[series], value)
			}
			delete(page, series)
		}
		for series := range page {
			t.Errorf("%s: %s is on the page and no metric", name, series)
		}
	}
}

// Whoever reads the page is told what each word on it means.
func TestPageWords(t *testing.T) {
	s := routed(1).source().status(nil)
	for _, table := range []report.Table{s.Wire.Verdicts, s.Wire.Ended, s.Peer.Verdicts, s.Peer.Ended, s.Applied, s.Datagrams} {
		for _, r := range table.Rows {
			if r.Means == "" {
				t.Errorf("%s is not explained", r.Name)
			}
		}
	}
}

// What cannot be read is not said to be 0.
func TestPageUnread(t *testing.T) {
	d := broadcasting(func() (host.Counters, error) { return host.Counters{}, errors.New("no counters") })
	page := get(t, d.handler(), "/").Body
	if !strings.Contains(page.String(), ` title="ptbrelay_kernel_out_of_window_icmps_total">?<`) {
		t.Error("a counter that cannot be read is not shown as such")
	}
	for series := range onPage(t, page) {
		if strings.HasPrefix(series, "ptbrelay_kernel") {
			t.Errorf("%s has a number", series)
		}
	}
}

// broken is a metric that cannot be had.
type broken struct{}

func (broken) Describe(chan<- *prometheus.Desc) {}
func (broken) Collect(to chan<- prometheus.Metric) {
	to <- prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(nil), errors.New("broken"))
}

// Where there is no page, that is said, and in the log why.
func TestNoPage(t *testing.T) {
	var out bytes.Buffer
	d := broadcasting(counted)
	d.registry.MustRegister(broken{})
	s := d.source()
	s.Log = slog.New(slog.NewTextHandler(&out, nil))
	w := httptest.NewRecorder()
	Handler(s).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusInternalServerError || !strings.Contains(out.String(), "broken") {
		t.Errorf("%d, %s", w.Code, out.String())
	}
}

func TestPageHeaders(t *testing.T) {
	got := get(t, broadcasting(counted).handler(), "/").Header()
	for key, want := range map[string]string{
		"Content-Type":            "text/html; charset=utf-8",
		"Content-Security-Policy": report.StatusPolicy(),
		"X-Content-Type-Options":  "nosniff",
		"Referrer-Policy":         "no-referrer",
		"Cache-Control":           "no-store",
	} {
		if got.Get(key) != want {
			t.Errorf("%s: %q, want %q", key, got.Get(key), want)
		}
	}
}

// crowded is as much as a daemon ever shows.
func crowded() *told {
	long := strings.Repeat("long ", 1000)
	return routed(4096, slices.Repeat([]check.Finding{{ID: "clock", Severity: check.Error, Subject: "eth0", Read: long, Why: long, Mend: long}}, 10_000)...)
}

func TestPageBounded(t *testing.T) {
	const most = 256 << 10
	if n := get(t, crowded().handler(), "/").Body.Len(); n > most {
		t.Errorf("%d bytes, want %d at most", n, most)
	}
}

func BenchmarkPage(b *testing.B) {
	for name, d := range map[string]*told{"calm": routed(10), "crowded": crowded()} {
		h := d.handler()
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				get(b, h, "/")
			}
		})
	}
}
