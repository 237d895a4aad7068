package app

import (
	"bytes"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ptbrelay/audit"
	"ptbrelay/audit/host"
	"ptbrelay/audit/report"
	"ptbrelay/config"
	"ptbrelay/relay/control"
)

// statusPage serves the page of what a scrape of this moment would say, and of how the
// daemon and its host are.
func (d *daemon) statusPage(metrics prometheus.Gatherer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		page, err := d.renderStatus(metrics)
		if err != nil {
			d.log.Error("the status page cannot be made", "err", err)
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

func (d *daemon) renderStatus(metrics prometheus.Gatherer) ([]byte, error) {
	read, err := readExported(metrics)
	if err != nil {
		return nil, err
	}
	var page bytes.Buffer
	err = report.StatusPage(&page, d.status(read))
	return page.Bytes(), err
}

// status is what the page shows. All its numbers are those of the metrics, so that
// nobody ever finds two that differ.
func (d *daemon) status(e exported) *report.Status {
	now := d.state()
	s := &report.Status{
		Version:       now.Version,
		Started:       now.Started,
		Now:           time.Now(),
		Capturing:     d.capturing.Load(),
		Paused:        now.Paused,
		DryRun:        now.DryRun,
		Transport:     now.Transport,
		Listen:        now.Listen,
		Config:        now.Config,
		Waiting:       d.inForce().waiting,
		ConfigRead:    time.Unix(int64(e.count("ptbrelay_config_reload_timestamp_seconds").Value), 0),
		ConfigRefused: e.count("ptbrelay_config_reload_success").Value == 0,
		Wire:          e.wire(),
		Sent:          e.sent(now.Transport),
		Kernel:        e.kernel(),
	}
	s.Host, _ = os.Hostname()
	if config.Transport(now.Transport) == config.TransportUDP {
		s.Peer, s.Applied, s.Datagrams, s.PeerCounts = e.peer(), e.applied(), e.datagrams(), e.peers()
		s.Peers = shownPeers(now.Peers)
	} else {
		s.Interfaces = now.Interfaces
	}
	d.showAudit(s, e)
	return s
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
func (d *daemon) showAudit(s *report.Status, e exported) {
	var r audit.Report
	d.auditor.observations.Fill(&r)
	s.NextHopMTU = sizes(r.NextHopMTU, e, "ptbrelay_next_hop_mtu_bytes_count")
	read := d.auditor.read.Load()
	if read == nil {
		return
	}
	s.HostRead = true
	told := audit.HostReport(&read.facts, host.Counters{}, read.findings)
	s.Exceptions = sizes(told.Exceptions, e, "ptbrelay_pmtu_exceptions")
	s.Routes, s.Checks = e.routes(told.Routes.Tagged), e.checks()
	for _, f := range told.Findings {
		f.Read, f.Why, f.Mend = cut(f.Read), cut(f.Why), cut(f.Mend)
		s.Findings = append(s.Findings, f)
	}
}

func sizes(all []audit.Values, e exported, metric string) (shown []report.Sizes) {
	for _, v := range all {
		shown = append(shown, report.Sizes{Values: v, Total: e.count(metric, "family", v.Family)})
	}
	return shown
}
