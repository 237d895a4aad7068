package integration

import (
	"context"
	"net"
	"regexp"
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// Whoever holds all connections of the http port keeps everybody else from an answer,
// and the relay goes on; one fewer keeps nobody.
func TestHTTPConnectionsHeld(t *testing.T) {
	t.Parallel() // it waits more than it works
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	server := l.Servers[0]
	labtest.StartRelay(t, server)
	there := labtest.Tap(t, l.Servers[1], "eth0")
	most := mostHeld(t)
	release := holdHTTP(t, server, most-1)
	if _, err := scrape(t, server, 4*time.Second); err != nil {
		t.Fatalf("nobody is answered beside %d connections: %v", most-1, err)
	}
	releaseLast := holdHTTP(t, server, 1)
	if _, err := scrape(t, server, 300*time.Millisecond); err == nil {
		t.Errorf("somebody is answered beside %d connections", most)
	}
	labtest.FromRouter(t, l, 0, ptbs(40001)[0].Bytes())
	labtest.Eventually(t, 5*time.Second, "a copy is made all the same", func() error {
		if len(broadcasts(there.Frames())) == 0 {
			return errNotYet
		}
		return nil
	})
	release()
	releaseLast()
	if _, err := scrape(t, server, 4*time.Second); err != nil {
		t.Errorf("nobody is answered when the connections are free: %v", err)
	}
}

// mostHeld is how many connections are all, by the page.
func mostHeld(t *testing.T) int {
	t.Helper()
	return int(number(t, regexp.MustCompile(`hold all (\d+) connections`).FindString(fileText(t, threatPage))))
}

// holdHTTP opens connections to the http port of a server, and asks nothing.
func holdHTTP(t *testing.T, server *lab.Node, connections int) (release func()) {
	t.Helper()
	var held []net.Conn
	for range connections {
		c, err := server.Dial(t.Context(), "tcp", "127.0.0.1:7690")
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	return func() {
		for _, c := range held {
			_ = c.Close() // of no more use
		}
	}
}

// scrape asks a daemon, if it answers within a time.
func scrape(t *testing.T, server *lab.Node, within time.Duration) (map[string]float64, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	return labtest.TryMetrics(ctx, server, labtest.MetricsURL)
}
