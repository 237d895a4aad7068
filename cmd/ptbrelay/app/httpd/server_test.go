package httpd

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ptbrelay/config"
)

// within bounds what must happen at once.
const within = 5 * time.Second

func TestListenErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for address, remedy := range map[string]string{
		taken.Addr().String(): `choose another address, or "" for none`,
		"192.0.2.1:7690":      `set http.listen to one that it has, or to "" for none`,
	} {
		s, err := Listen(config.HTTP{Listen: address})
		if err == nil {
			t.Errorf("%s: listens", address)
			_ = s.Close()
			continue
		}
		text := err.Error()
		if !strings.HasPrefix(text, "http.listen: ") || !strings.HasSuffix(text, remedy) || strings.Contains(text, "\n") {
			t.Errorf("%s: %s", address, text)
		}
	}
}

// Without an address there is no server, and nothing that could fail.
func TestServeOff(t *testing.T) {
	s, err := Listen(config.HTTP{})
	if err != nil || s.Address() != "off" {
		t.Errorf("%q, %v", s.Address(), err)
	}
	if err := errors.Join(s.Serve(t.Context(), http.NotFoundHandler(), slog.New(slog.DiscardHandler)), s.Close()); err != nil {
		t.Error(err)
	}
}

// serving is a server that runs until stop.
func serving(t *testing.T, h http.Handler) (url string, stop func() error) {
	t.Helper()
	s, err := Listen(config.HTTP{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, h, slog.New(slog.DiscardHandler)) }()
	return "http://" + s.Address(), func() error {
		cancel()
		select {
		case err := <-ended:
			return errors.Join(err, s.Close())
		case <-time.After(within):
			return errors.New("the server goes on")
		}
	}
}

func TestServe(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	url, stop := serving(t, http.NotFoundHandler())
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	if r.StatusCode != http.StatusNotFound {
		t.Errorf("%d", r.StatusCode)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := client.Get(url); err == nil {
		t.Error("it still answers")
	}
}

// A request that does not end cannot hold up the stop.
func TestServeStopsDespiteRequest(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	url, stop := serving(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-release
	}))
	defer close(release)
	answered := make(chan error, 1)
	go func() {
		r, err := http.Get(url)
		if err == nil {
			_ = r.Body.Close()
		}
		answered <- err
	}()
	<-arrived
	if err := stop(); err != nil {
		t.Error(err)
	}
	if err := <-answered; err == nil {
		t.Error("the request got an answer")
	}
}

// A listener that was closed without serving can be closed again.
func TestListenClose(t *testing.T) {
	s, err := Listen(config.HTTP{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
