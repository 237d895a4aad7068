package app

import (
	"io"
	"log/slog"
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ptbrelay/audit"
	"ptbrelay/cmd/ptbrelay/app/httpd"
	"ptbrelay/cmd/ptbrelay/app/statuspage"
	"ptbrelay/relay"
	"ptbrelay/relay/rules"
)

// maxReaders bounds how many read the metrics at a time, and how many the page.
const maxReaders = 4

// handler serves the status page, /metrics, /healthz (the process lives) and /readyz
// (it captures).
func (d *daemon) handler() http.Handler {
	mux, registry := http.NewServeMux(), d.registry()
	mux.Handle("GET /{$}", httpd.AtOnce(maxReaders, statuspage.Handler(d.statusSource(registry))))
	mux.Handle("GET /metrics", httpd.AtOnce(maxReaders, promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(d.log.Handler(), slog.LevelError),
	})))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "alive\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !d.capturing.Load() {
			http.Error(w, "not capturing", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "capturing\n")
	})
	return mux
}

// statusSource is what the page tells of this daemon.
func (d *daemon) statusSource(metrics prometheus.Gatherer) statuspage.Source {
	return statuspage.Source{
		Metrics:   metrics,
		State:     d.state,
		Capturing: d.capturing.Load,
		Waiting:   d.waitingKeys,
		Audit:     d.auditor.Report,
		Log:       d.log,
	}
}

// waitingKeys are those of the file that wait for a restart.
func (d *daemon) waitingKeys() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.waiting
}

func (d *daemon) registry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "ptbrelay_build_info",
		Help:        "1, labelled with what was built and how.",
		ConstLabels: prometheus.Labels{"version": buildVersion(), "goversion": runtime.Version()},
	})
	info.Set(1)
	sources := relay.Sources{
		Relay:         d.relay,
		Capture:       d.source.Stats,
		TransportName: string(d.inForce().Config.Relay.Transport),
		Rules:         d.rulesStats,
		Reload:        &d.reloads,
	}
	d.fabric.Count(&sources)
	r.MustRegister(info,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		audit.NewCollector(d.auditor.Observations.NextHopMTU()),
		d.auditor.Host,
		relay.NewCollector(sources))
	return r
}

func (d *daemon) rulesStats() (rules.Stats, bool) {
	if d.table == nil {
		return rules.LoadedStats()
	}
	return d.table.Stats(), true
}
