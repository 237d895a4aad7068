package integration

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/classify/classifytest"
	"ptbrelay/config"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/control"
)

// A snapshot says the same as the metrics of that moment, count by count, after
// all kinds of messages; and how the daemon is set up.
func TestSnapshotEqualsMetrics(t *testing.T) {
	for _, transport := range transports {
		t.Run(string(transport), func(t *testing.T) {
			l, _ := startGroup(t, transport, lab.Options{Clients: 8}, "--config", writeConfig(t, strict))
			for _, c := range classifytest.Corpus() {
				if len(c.Packet) > 0 {
					labtest.FromRouter(t, l, 0, c.Packet)
				}
			}
			allFinished(t, labtest.Downloads(t, l, lab.Load{}))
			for i, s := range l.Servers {
				sendGarbage(t, l, i)
				checkSnapshot(t, s)
			}
			kinds := len(ask(t, l.Servers[0], control.Client.Snapshot).Verdicts["wire"]["ipv4"])
			if kinds < 10 {
				t.Errorf("only %d verdicts were tried", kinds)
			}
			obeyed(t, l.Servers[:1], saysPaused, "pause")
			checkSnapshot(t, l.Servers[0])
			checkSetUp(t, l, transport)
		})
	}
}

// sendGarbage sends what is no datagram of ours to a server's port for them.
func sendGarbage(t testing.TB, l *lab.Lab, server int) {
	t.Helper()
	to := netip.AddrPortFrom(l.ServerAddr(lab.IPv4, server), config.Default().UDP.Port)
	c, err := l.Router.Dial(t.Context(), "udp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("garbage")); err != nil {
		t.Fatal(err)
	}
}

// checkSnapshot compares a snapshot with the metrics that are the same before
// and after it.
func checkSnapshot(t testing.TB, server *lab.Node) {
	t.Helper()
	labtest.Eventually(t, 5*time.Second, "snapshot and metrics say the same", func() error {
		before := shared(metricsOf(t, server))
		s := ask(t, server, control.Client.Snapshot)
		if after := shared(metricsOf(t, server)); !maps.Equal(before, after) {
			return errNotYet
		}
		if diff := cmp.Diff(before, asMetrics(s)); diff != "" {
			return fmt.Errorf("-metrics +snapshot:\n%s", diff)
		}
		return nil
	})
}

// shared are the metrics that a snapshot has as well, but those that are 0.
func shared(metrics map[string]float64) map[string]float64 {
	names := []string{
		"received_total", "verdicts_total", "outcomes_total", "deliveries_total", "datagrams_total", "applied_total",
		"copies_total", "send_errors_total", "capture_lost_total", "guarded_total", "paused", "peers",
	}
	same := make(map[string]float64)
	for metric, value := range metrics {
		name, _, _ := strings.Cut(strings.TrimPrefix(metric, "ptbrelay_"), "{")
		if value != 0 && slices.Contains(names, name) {
			same[metric] = value
		}
	}
	return same
}

// asMetrics are the counts of a snapshot as metrics, but those that are 0.
func asMetrics(s control.Snapshot) map[string]float64 {
	m := make(map[string]float64)
	set := func(value uint64, name string, labels ...any) {
		if value != 0 {
			m["ptbrelay_"+fmt.Sprintf(name, labels...)] = float64(value)
		}
	}
	for from, families := range s.Received {
		for family, n := range families {
			set(n, `received_total{family=%q,from=%q}`, family, from)
		}
	}
	for from, families := range s.Verdicts {
		for family, verdicts := range families {
			for verdict, n := range verdicts {
				set(n, `verdicts_total{family=%q,from=%q,verdict=%q}`, family, from, verdict)
			}
		}
	}
	for name, table := range map[string]map[string]map[string]uint64{
		`outcomes_total{family=%q,outcome=%q}`:   s.Outcomes,
		`deliveries_total{family=%q,outcome=%q}`: s.Deliveries,
		`applied_total{family=%q,result=%q}`:     s.Applied,
	} {
		for family, counts := range table {
			for label, n := range counts {
				set(n, name, family, label)
			}
		}
	}
	for of, results := range s.Datagrams {
		for result, n := range results {
			set(n, `datagrams_total{result=%q,type=%q}`, result, of)
		}
	}
	for reason, n := range s.CaptureLost {
		set(n, `capture_lost_total{reason=%q}`, reason)
	}
	set(s.Copies, `copies_total{transport=%q}`, s.Transport)
	set(s.SendErrors, `send_errors_total{transport=%q}`, s.Transport)
	set(s.Guarded, `guarded_total`)
	if s.Paused {
		set(1, `paused`)
	}
	for _, p := range s.Peers {
		state := map[bool]string{true: "up", false: "down"}[p.Up]
		for _, source := range p.Sources {
			m[fmt.Sprintf(`ptbrelay_peers{source=%q,state=%q}`, source, state)]++
		}
	}
	return m
}

// checkSetUp checks what a snapshot of the first server says beside counts.
func checkSetUp(t testing.TB, l *lab.Lab, transport config.Transport) {
	t.Helper()
	s := ask(t, l.Servers[0], control.Client.Snapshot)
	if s.Transport != string(transport) || s.Group != 33 || s.DryRun || !s.GuardedKnown || s.Version == "" ||
		s.UptimeSeconds <= 0 || time.Since(s.Started) > time.Minute {
		t.Errorf("it says %+v", s)
	}
	want := control.Snapshot{Interfaces: []string{"eth0"}, Peers: []control.Peer{}}
	keys := []string{"interfaces: [eth0]"}
	if transport == config.TransportUDP {
		at := func(server int) string {
			return netip.AddrPortFrom(l.ServerAddr(lab.IPv4, server), config.Default().UDP.Port).String()
		}
		want = control.Snapshot{Listen: []string{at(0)}, Peers: []control.Peer{
			{Address: at(1), Sources: []string{"static"}, Up: true}, {Address: at(2), Sources: []string{"static"}, Up: true},
		}}
		keys = []string{"relay.transport: udp", "udp.key_file: " + labtest.KeyFile}
	}
	for i := range s.Peers {
		p := &s.Peers[i]
		if time.Since(p.LastHeard) > time.Minute || p.RoundTripSeconds <= 0 || p.RoundTripSeconds > 1 {
			t.Errorf("of a peer it says %+v", p)
		}
		p.LastHeard, p.RoundTripSeconds = time.Time{}, 0
	}
	got := control.Snapshot{Interfaces: s.Interfaces, Listen: s.Listen, Peers: s.Peers}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, key := range append(keys, "policy.strict: true") {
		if !slices.Contains(s.Config, key) {
			t.Errorf("no %q in %q", key, s.Config)
		}
	}
	if all := strings.Join(s.Config, " "); strings.Contains(all, labtest.Key(0)) {
		t.Errorf("the key is among %q", all)
	}
}
