// Package httpd is the server of metrics, health and status page, protected by the file
// of exporter-toolkit.
package httpd

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

// Server listens; without an address it does nothing.
type Server struct {
	listener   net.Listener
	file       file
	protection protection // of the start
}

// Listen takes the address, and reads the file of TLS and passwords. Errors begin with the
// key that is wrong.
func Listen(c config.HTTP) (Server, error) {
	if c.Listen == "" {
		return Server{}, nil
	}
	s := Server{file: file(c.ConfigFile)}
	var err error
	if s.protection, err = s.file.read(); err != nil {
		return Server{}, err
	}
	l, err := listenTCP(c.Listen)
	if err != nil {
		return Server{}, fmt.Errorf("http.listen: %w%s", err, listenHint(err))
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

// Address is where it listens, or off.
func (s Server) Address() string {
	if s.listener == nil {
		return "off"
	}
	return s.listener.Addr().String()
}

// Serve answers requests until the context ends.
func (s Server) Serve(ctx context.Context, h http.Handler, log *slog.Logger) error {
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
	path := string(s.file)
	// What goes wrong with the file, Watch says once, and not for each request.
	silent := slog.New(slog.DiscardHandler)
	if err := web.Serve(s.listener, server, &web.FlagConfig{WebConfigFile: &path}, silent); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("http.listen: %w", err)
	}
	return <-stopped
}

// Watch says when the file of TLS and passwords becomes bad, and when it is good
// again, until the context ends.
func (s Server) Watch(ctx context.Context, log *slog.Logger) {
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

// Close releases the address where Serve never ran.
func (s Server) Close() error {
	if s.listener == nil {
		return nil
	}
	if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
