package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
	"golang.org/x/net/netutil"
	"golang.org/x/sys/unix"

	"ptbrelay/config"
	"ptbrelay/relay/peers"
)

const (
	// shutdownTime is what running requests get when the daemon stops.
	shutdownTime = 300 * time.Millisecond
	// maxConnections keeps idle clients from using up our file descriptors.
	maxConnections = 64
	// acceptPause is how long the kernel gets to find memory for a connection.
	acceptPause = 100 * time.Millisecond
	// maxStreams is how many requests an HTTP/2 connection may have at a time. Each can
	// wait for the check of a password, one after the other: 64 of them are told in 4 s,
	// which is less than a scrape's patience.
	maxStreams = 1
)

// httpServer is the listener of metrics, health and status page; without an address
// it does nothing.
type httpServer struct {
	listener   net.Listener
	file       webFile
	protection protection // of the start
}

func listen(c config.HTTP) (httpServer, error) {
	if c.Listen == "" {
		return httpServer{}, nil
	}
	s := httpServer{file: webFile(c.ConfigFile)}
	var err error
	if s.protection, err = s.file.read(); err != nil {
		return httpServer{}, err
	}
	l, err := listenTCP(c.Listen)
	if err != nil {
		return httpServer{}, fmt.Errorf("http.listen: %w%s", err, listenHint(err))
	}
	s.listener = netutil.LimitListener(patientListener{l}, maxConnections)
	return s, nil
}

// listenHint says what to do about an address that cannot be listened on.
func listenHint(err error) string {
	if errors.Is(err, unix.EADDRNOTAVAIL) {
		return ": this host does not have the address: set http.listen to one that it has, or to \"\" for none"
	}
	return ": is ptbrelay running already? Else choose another address, or \"\" for none"
}

// patientListener tries again where the kernel has no memory for a connection: that
// passes, and net/http would give up, and the relay with it.
type patientListener struct{ net.Listener }

// Accept implements [net.Listener].
func (l patientListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.ENOMEM) {
			return c, err
		}
		time.Sleep(acceptPause)
	}
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
	if a, ok := s.listener.Addr().(*net.TCPAddr); ok && a.IP.IsLoopback() && s.file == "" {
		h = askedAsLocal(h)
	}
	server := &http.Server{
		Handler:           s.file.guard(s.protection, h),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog:          stdlog.New(serverLog{log}, "", 0),
	}
	s.protection.log(log, s.file)
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
	file := string(s.file)
	// What goes wrong with the file, watch says once, and not for each request.
	silent := slog.New(slog.DiscardHandler)
	if err := web.Serve(s.listener, server, &web.FlagConfig{WebConfigFile: &file}, silent); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("http.listen: %w", err)
	}
	return <-stopped
}

// watch says when the file of TLS and passwords becomes bad, and when it is good
// again, until the context ends.
func (s httpServer) watch(ctx context.Context, log *slog.Logger) {
	if s.listener == nil || s.file == "" {
		return
	}
	said := ""
	peers.WatchFile(ctx, string(s.file), log, func() {
		wrong := make(chan error, 1)
		go func() { wrong <- s.file.follow(s.protection) }()
		text := ""
		select {
		case <-ctx.Done():
			return // a pipe, or a file of a server that is gone, may hold the reader for ever
		case err := <-wrong:
			if err != nil {
				text = err.Error()
			}
		}
		switch text {
		case said:
		case "":
			log.Info("http.config_file is good again")
		default:
			log.Error(text)
		}
		said = text
	})
}

// serverLog takes what the server of net/http says.
type serverLog struct{ *slog.Logger }

// Write makes a line of the log of it. What whoever reaches the port can cause is for
// debugging only.
func (l serverLog) Write(text []byte) (int, error) {
	level := slog.LevelWarn
	if bytes.HasPrefix(text, []byte("http: TLS handshake error")) || bytes.HasPrefix(text, []byte("http2: ")) {
		level = slog.LevelDebug
	}
	l.Log(context.Background(), level, string(bytes.TrimSpace(text)))
	return len(text), nil
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
