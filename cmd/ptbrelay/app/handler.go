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
	"ptbrelay/relay"
	"ptbrelay/relay/rules"
)

// handler serves /metrics, /healthz (the process lives) and /readyz (it
// captures).
func (d *daemon) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(d.registry(), promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(d.log.Handler(), slog.LevelError),
		MaxRequestsInFlight: 4,
	}))
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
		TransportName: string(d.inForce().cfg.Relay.Transport),
		Rules:         d.rulesStats,
		Reload:        &d.reloads,
	}
	d.fabric.count(&sources)
	r.MustRegister(info,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		audit.NewCollector(d.auditor.observations.NextHopMTU()),
		d.auditor.host,
		relay.NewCollector(sources))
	return r
}

func (d *daemon) rulesStats() (rules.Stats, bool) {
	if d.table == nil {
		return rules.LoadedStats()
	}
	return d.table.Stats(), true
}
