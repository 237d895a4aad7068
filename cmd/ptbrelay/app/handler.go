package app

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strconv"

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
	mux.Handle("GET /metrics", atOnce(maxReaders, promhttp.HandlerFor(registry, promhttp.HandlerOpts{
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

// atOnce makes so many answers at a time; to others it says that it is busy. An answer
// is sent when it is whole and its place is free again, so who reads it slowly, or goes
// away, is nobody's trouble but his own.
func atOnce(most int, h http.Handler) http.Handler {
	slots := make(chan struct{}, most)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
		default:
			http.Error(w, fmt.Sprintf("%d requests are being answered: try again", most), http.StatusServiceUnavailable)
			return
		}
		a := answer{ResponseWriter: w, code: http.StatusOK}
		func() {
			defer func() { <-slots }()
			h.ServeHTTP(&a, r)
		}()
		a.send()
	})
}

// answer keeps what is answered until it is sent.
type answer struct {
	http.ResponseWriter
	code int
	body bytes.Buffer
}

func (a *answer) WriteHeader(code int)        { a.code = code }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

func (a *answer) send() {
	a.Header().Set("Content-Length", strconv.Itoa(a.body.Len()))
	a.ResponseWriter.WriteHeader(a.code)
	_, _ = a.ResponseWriter.Write(a.body.Bytes())
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
