// Package statuspage is the page that the daemon serves to people.
// It gathers what is on it; how it looks is up to audit/report.
package statuspage

import (
	"bytes"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ptbrelay/audit"
	"ptbrelay/audit/report"
	"ptbrelay/cmd/ptbrelay/app/logs"
	"ptbrelay/config"
	"ptbrelay/relay/control"
)

// Source is where the page has from what it tells. Its functions are called once for each
// page, by any goroutine.
type Source struct {
	Metrics   prometheus.Gatherer
	State     func() control.Snapshot // nothing that is counted is read of it
	Capturing func() bool
	Waiting   func() []string // keys that wait for a restart
	Audit     func() *audit.Report
	Log       *slog.Logger // told why a page cannot be made
}

// Handler serves the page of what a scrape of this moment would say, and of how the daemon
// and its host are.
func Handler(s Source) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		page, err := s.render()
		if err != nil {
			s.Log.Error("the status page cannot be made", "err", err)
			http.Error(w, "the page cannot be made: the log says why", http.StatusInternalServerError)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", report.StatusPolicy())
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		_, _ = w.Write(page)
	})
}

func (s Source) render() ([]byte, error) {
	read, err := readExported(s.Metrics)
	if err != nil {
		return nil, err
	}
	var page bytes.Buffer
	err = report.StatusPage(&page, s.status(read))
	return page.Bytes(), err
}

// status is what the page shows. All its numbers are those of the metrics, so that
// nobody ever finds two that differ.
func (s Source) status(e exported) *report.Status {
	now := s.State()
	p := &report.Status{
		Version:       now.Version,
		Started:       now.Started,
		Now:           time.Now(),
		Capturing:     s.Capturing(),
		Paused:        now.Paused,
		DryRun:        now.DryRun,
		Transport:     now.Transport,
		Listen:        now.Listen,
		Config:        now.Config,
		Waiting:       s.Waiting(),
		ConfigRead:    time.Unix(int64(e.count("ptbrelay_config_reload_timestamp_seconds").Value), 0),
		ConfigRefused: e.count("ptbrelay_config_reload_success").Value == 0,
		Wire:          e.wire(),
		Sent:          e.sent(now.Transport),
		Kernel:        e.kernel(),
	}
	p.Host, _ = os.Hostname()
	if config.Transport(now.Transport) == config.TransportUDP {
		p.Peer, p.Applied, p.Datagrams, p.PeerCounts = e.peer(), e.applied(), e.datagrams(), e.peers()
		p.Peers = shownPeers(now.Peers)
	} else {
		p.Interfaces = now.Interfaces
	}
	showAudit(p, s.Audit(), e)
	return p
}

func shownPeers(all []control.Peer) []report.Peer {
	shown := make([]report.Peer, len(all))
	for i, p := range all {
		shown[i] = report.Peer{
			Address: p.Address, Sources: p.Sources, Up: p.Up, LastHeard: p.LastHeard,
			RoundTrip: time.Duration(p.RoundTripSeconds * float64(time.Second)),
		}
	}
	return shown
}

// showAudit adds what the audit says, but for the networks of others.
func showAudit(p *report.Status, r *audit.Report, e exported) {
	p.NextHopMTU = sizes(r.NextHopMTU, e, "ptbrelay_next_hop_mtu_bytes_count")
	if r.Host == nil {
		return
	}
	p.HostRead = true
	p.Exceptions = sizes(r.Host.Exceptions, e, "ptbrelay_pmtu_exceptions")
	p.Routes, p.Checks = e.routes(r.Host.Routes.Tagged), e.checks()
	for _, f := range r.Host.Findings {
		f.Read, f.Why, f.Mend = logs.Cut(f.Read), logs.Cut(f.Why), logs.Cut(f.Mend)
		p.Findings = append(p.Findings, f)
	}
}

func sizes(all []audit.Values, e exported, metric string) (shown []report.Sizes) {
	for _, v := range all {
		shown = append(shown, report.Sizes{Values: v, Total: e.count(metric, "family", v.Family)})
	}
	return shown
}
