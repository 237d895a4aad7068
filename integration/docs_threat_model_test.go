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
	m := regexp.MustCompile(`hold all (\d+) connections`).FindString(fileText(t, threatPage))
	most := int(number(t, m))
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	server := l.Servers[0]
	labtest.StartRelay(t, server)
	there := labtest.Tap(t, l.Servers[1], "eth0")
	var held []net.Conn
	hold := func() {
		c, err := server.Dial(t.Context(), "tcp", "127.0.0.1:7690")
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	for range most - 1 {
		hold()
	}
	if _, err := scrape(t, server, 4*time.Second); err != nil {
		t.Fatalf("nobody is answered beside %d connections: %v", len(held), err)
	}
	hold()
	if _, err := scrape(t, server, 300*time.Millisecond); err == nil {
		t.Errorf("somebody is answered beside %d connections", len(held))
	}
	labtest.FromRouter(t, l, 0, ptbs(40001)[0].Bytes())
	labtest.Eventually(t, 5*time.Second, "a copy is made all the same", func() error {
		if len(broadcasts(there.Frames())) == 0 {
			return errNotYet
		}
		return nil
	})
	for _, c := range held {
		_ = c.Close() // of no more use
	}
	if _, err := scrape(t, server, 4*time.Second); err != nil {
		t.Errorf("nobody is answered when the connections are free: %v", err)
	}
}

// scrape asks a daemon, if it answers within a time.
func scrape(t *testing.T, server *lab.Node, within time.Duration) (map[string]float64, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	return labtest.TryMetrics(ctx, server, labtest.MetricsURL)
}
