package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sys/unix"
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
