package app

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"ptbrelay/audit"
	"ptbrelay/audit/check"
	"ptbrelay/audit/host"
	"ptbrelay/audit/report"
	"ptbrelay/classify/classifytest"
	"ptbrelay/config"
	"ptbrelay/relay"
	"ptbrelay/relay/capture"
	"ptbrelay/relay/control"
	"ptbrelay/relay/deliver"
	"ptbrelay/relay/transport"
)

// crowd is a fabric of transport udp of which only the counts and the peers are real.
type crowd struct {
	segment
	peers int
}

func (f *crowd) count(s *relay.Sources) {
	s.Transport = func() transport.Stats { return transport.Stats{Copies: 11, Errors: 12} }
	s.Deliver = func() (d deliver.Stats) {
		for family := range d.Deliveries {
			d.Received[family] = uint64(1000 + family)
			for i := range d.Deliveries[family] {
				d.Deliveries[family][i] = uint64(100*family + i)
			}
		}
		return d
	}
	s.Datagrams = func() (d transport.Datagrams) {
		for t := range d {
			for r := range d[t] {
				d[t][r] = uint64(2000 + 10*t + r)
			}
		}
		return d
	}
	s.Peers = func() (c relay.PeerCounts) {
		c[relay.StaticPeers][relay.PeerDown] = f.peers
		return c
	}
}

func (f *crowd) show(s *control.Snapshot) {
	for i := range f.peers {
		s.Peers = append(s.Peers, control.Peer{Address: fmt.Sprintf("198.51.%d.%d:7690", i/256, i%256), Sources: []string{"static"}})
	}
}

// routedDaemon is a daemon with transport udp of which only the counts are real.
func routedDaemon(peers int) *daemon {
	d := testDaemon()
	d.now.cfg.Relay.Transport = config.TransportUDP
	d.now.cfg.Relay.DryRun = true
	d.now.cfg.VIPs = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	d.fabric = &crowd{segment: segment{Broadcast: new(transport.Broadcast)}, peers: peers}
	d.relay = relay.New(d.fabric, d.auditor.observations, &d.hub, d.now.relaySettings())
	for _, c := range classifytest.Corpus() {
		d.relay.Handle(time.Now(), []capture.Packet{{Data: c.Packet}})
	}
	return d
}

// found has the daemon's auditor find things.
func (d *daemon) found(findings ...check.Finding) {
	facts := check.Facts{}
	facts.Routes.Value = host.Routes{Tagged: []host.FIBRoute{
		{Destination: netip.MustParsePrefix("::/0"), Table: 254, MTU: 1280},
		{Destination: netip.MustParsePrefix("10.0.0.0/8"), Table: 100, MTU: 1400, MTULocked: true},
		{Destination: netip.MustParsePrefix("10.0.0.0/8"), Table: 100, MTU: 1400, MTULocked: true, AdvMSS: 1300},
	}}
	d.auditor.host.Set(audit.HostReading{Routes: facts.Routes, Findings: findings})
	d.auditor.read.Store(&hostReading{facts, findings})
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
func TestStatusPageEqualsMetrics(t *testing.T) {
	broadcast, udp := testDaemon(), routedDaemon(3)
	udp.found(check.Finding{ID: "clock", Severity: check.Warning})
	for name, c := range map[string]struct {
		daemon *daemon
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
func TestStatusPageWords(t *testing.T) {
	s := routedDaemon(1).status(nil)
	for _, table := range []report.Table{s.Wire.Verdicts, s.Wire.Ended, s.Peer.Verdicts, s.Peer.Ended, s.Applied, s.Datagrams} {
		for _, r := range table.Rows {
			if r.Means == "" {
				t.Errorf("%s is not explained", r.Name)
			}
		}
	}
}

// What cannot be read is not said to be 0.
func TestStatusPageUnread(t *testing.T) {
	d := testDaemon()
	d.auditor.host = audit.NewHostCollector(func() (host.Counters, error) { return host.Counters{}, errors.New("no counters") })
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

func TestStatusPageHeaders(t *testing.T) {
	got := get(t, testDaemon().handler(), "/").Header()
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
func crowded() *daemon {
	d := routedDaemon(4096)
	long := strings.Repeat("long ", maxLoggedText)
	d.found(slices.Repeat([]check.Finding{{ID: "clock", Severity: check.Error, Subject: "eth0", Read: long, Why: long, Mend: long}}, 10_000)...)
	return d
}

func TestStatusPageBounded(t *testing.T) {
	const most = 256 << 10
	if n := get(t, crowded().handler(), "/").Body.Len(); n > most {
		t.Errorf("%d bytes, want %d at most", n, most)
	}
}

// More readers than it has places for are sent away at once.
func TestAtOnce(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	h := atOnce(2, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	}))
	ask := func() int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		return w.Code
	}
	codes := make(chan int)
	for range 2 {
		go func() { codes <- ask() }()
		<-arrived
	}
	if code := ask(); code != http.StatusServiceUnavailable {
		t.Errorf("a third request: %d", code)
	}
	close(release)
	for range 2 {
		if code := <-codes; code != http.StatusOK {
			t.Errorf("one that was being answered: %d", code)
		}
	}
	go func() { <-arrived }()
	if code := ask(); code != http.StatusOK {
		t.Errorf("one after them: %d", code)
	}
}

func BenchmarkStatusPage(b *testing.B) {
	for name, d := range map[string]*daemon{"calm": routedDaemon(10), "crowded": crowded()} {
		h := d.handler()
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				get(b, h, "/")
			}
		})
	}
}
