package app

import (
	"fmt"
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

// maxReaders bounds how many read the metrics at a time, and how many the page.
const maxReaders = 4

// handler serves the status page, /metrics, /healthz (the process lives) and /readyz
// (it captures).
func (d *daemon) handler() http.Handler {
	mux, registry := http.NewServeMux(), d.registry()
	mux.Handle("GET /{$}", atOnce(maxReaders, d.statusPage(registry)))
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(d.log.Handler(), slog.LevelError),
		MaxRequestsInFlight: maxReaders,
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

// atOnce serves so many requests at a time; to others it says that it is busy.
func atOnce(most int, h http.Handler) http.Handler {
	slots := make(chan struct{}, most)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			h.ServeHTTP(w, r)
		default:
			http.Error(w, fmt.Sprintf("%d requests are being answered: try again", most), http.StatusServiceUnavailable)
		}
	})
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
