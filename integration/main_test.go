package integration

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/cmd/ptbrelay/app"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

func TestMain(m *testing.M) {
	labtest.Main(m, func(args []string) int {
		return app.Run(context.Background(), args, os.Stdin, os.Stdout, os.Stderr)
	})
}

const (
	metricsURL = "http://localhost:7690/metrics"
	readyURL   = "http://localhost:7690/readyz"
)

// startOn runs ptbrelay with default settings and these arguments on a server
// and returns when it captures.
func startOn(t testing.TB, server *lab.Node, args ...string) *lab.Process {
	t.Helper()
	p := labtest.Start(t, server, append([]string{"run", "--interface", "eth0"}, args...)...)
	awaitCapture(t, server, p)
	return p
}

// startAll does that on every server.
func startAll(t testing.TB, l *lab.Lab, args ...string) []*lab.Process {
	t.Helper()
	daemons := make([]*lab.Process, len(l.Servers))
	for i, s := range l.Servers {
		daemons[i] = startOn(t, s, args...)
	}
	return daemons
}

func awaitCapture(t testing.TB, server *lab.Node, p *lab.Process) {
	t.Helper()
	labtest.Eventually(t, 10*time.Second, "ptbrelay captures on "+server.Name(), func() error {
		select {
		case <-p.Exited():
			t.Fatalf("ptbrelay on %s ended: %s", server.Name(), p.Log())
		default:
		}
		status, err := labtest.TryStatus(t.Context(), server, readyURL)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("readyz answers %d", status)
		}
		return err
	})
}

// metricsOf scrapes the ptbrelay on a server.
func metricsOf(t testing.TB, server *lab.Node) map[string]float64 {
	t.Helper()
	return labtest.Metrics(t, server, metricsURL)
}

func outcomeMetric(family, outcome string) string {
	return fmt.Sprintf(`ptbrelay_outcomes_total{family=%q,outcome=%q}`, family, outcome)
}

func verdictMetric(family string, v classify.Verdict) string {
	return fmt.Sprintf(`ptbrelay_verdicts_total{family=%q,from="wire",verdict=%q}`, family, v)
}

// await waits until a metric of a server has a value.
func await(t testing.TB, server *lab.Node, metric string, want float64) {
	t.Helper()
	labtest.Eventually(t, 5*time.Second, fmt.Sprintf("%s on %s is %v", metric, server.Name(), want), func() error {
		m, err := labtest.TryMetrics(t.Context(), server, metricsURL)
		if err != nil {
			return err
		}
		if m[metric] != want {
			return fmt.Errorf("it is %v", m[metric])
		}
		return nil
	})
}

// checkLaws fails the test unless the counts of a server at rest add up.
func checkLaws(t testing.TB, server *lab.Node) {
	t.Helper()
	m := metricsOf(t, server)
	for _, family := range []string{"ipv4", "ipv6", "unknown"} {
		received := m[fmt.Sprintf(`ptbrelay_received_total{family=%q,from="wire"}`, family)]
		verdicts := sum(m, "ptbrelay_verdicts_total{family=\""+family+"\"")
		if received != verdicts {
			t.Errorf("%s %s: %v received, the verdicts add up to %v", server.Name(), family, received, verdicts)
		}
		eligible := m[verdictMetric(family, classify.Eligible)]
		outcomes := sum(m, "ptbrelay_outcomes_total{family=\""+family+"\"")
		if eligible != outcomes {
			t.Errorf("%s %s: %v eligible, the outcomes add up to %v", server.Name(), family, eligible, outcomes)
		}
	}
}

func sum(metrics map[string]float64, prefix string) (total float64) {
	for name, value := range metrics {
		if strings.HasPrefix(name, prefix) {
			total += value
		}
	}
	return total
}

// mac is the address of a node's interface.
func mac(t testing.TB, n *lab.Node, iface string) [6]byte {
	t.Helper()
	link, err := n.Handle().LinkByName(iface)
	if err != nil {
		t.Fatal(err)
	}
	return [6]byte(link.Attrs().HardwareAddr)
}

// frameTo puts a packet into an Ethernet frame from the router to a server.
func frameTo(t testing.TB, l *lab.Lab, server int, packet []byte) []byte {
	t.Helper()
	to, from := mac(t, l.Servers[server], "eth0"), mac(t, l.Router, "servers")
	frame := append(slices.Concat(to[:], from[:]), 0x08, 0x00)
	if packet[0]>>4 == 6 {
		frame[12], frame[13] = 0x86, 0xdd
	}
	return append(frame, packet...)
}

// fromRouter sends a packet to a server as the router does.
func fromRouter(t testing.TB, l *lab.Lab, server int, packet []byte) {
	t.Helper()
	if err := l.Router.SendFrame("servers", frameTo(t, l, server, packet)); err != nil {
		t.Fatal(err)
	}
}

// broadcasts are the PTBs among frames that came as Ethernet broadcast.
func broadcasts(frames []lab.Frame) (found []lab.PTB) {
	for _, p := range labtest.PTBs(frames) {
		if p.To == [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff} {
			found = append(found, p)
		}
	}
	return found
}
