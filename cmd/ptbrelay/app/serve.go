package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"
	"golang.org/x/sys/unix"

	"ptbrelay/audit"
	"ptbrelay/relay"
	"ptbrelay/relay/rules"
)

const (
	// shutdownTime is what running requests get when the daemon stops.
	shutdownTime = 300 * time.Millisecond
	// maxConnections keeps idle clients from using up our file descriptors.
	maxConnections = 64
)

// httpServer is the listener of metrics and health; without an address it does
// nothing.
type httpServer struct{ listener net.Listener }

func listen(address string) (httpServer, error) {
	if address == "" {
		return httpServer{}, nil
	}
	l, err := listenTCP(address)
	if err != nil {
		return httpServer{}, fmt.Errorf("http.listen: %w: is ptbrelay running already? Else choose another address, or \"\" for none", err)
	}
	return httpServer{netutil.LimitListener(l, maxConnections)}, nil
}

// listenTCP knows localhost by heart: a relay must not wait for DNS.
func listenTCP(address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host != "localhost" {
		return net.Listen("tcp", address)
	}
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
	if errors.Is(err, unix.EADDRNOTAVAIL) {
		return net.Listen("tcp", net.JoinHostPort("::1", port))
	}
	return l, err
}

func (s httpServer) address() string {
	if s.listener == nil {
		return "off"
	}
	return s.listener.Addr().String()
}

// serve answers requests until the context ends.
func (s httpServer) serve(ctx context.Context, h http.Handler, log *slog.Logger) error {
	if s.listener == nil {
		return nil
	}
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		bounded, cancel := context.WithTimeout(context.Background(), shutdownTime)
		defer cancel()
		err := server.Shutdown(bounded)
		if errors.Is(err, context.DeadlineExceeded) {
			err = server.Close()
		}
		stopped <- err
	}()
	if err := server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("http.listen: %w", err)
	}
	return <-stopped
}

// close releases the address where serve never ran.
func (s httpServer) close() error {
	if s.listener == nil {
		return nil
	}
	if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

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
