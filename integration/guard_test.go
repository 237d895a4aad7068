package integration

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// guardedFlood floods servers in turn with IPv6 PTBs about ever new flows: few
// enough for every tap to keep up, and far above the guards of these tests.
func guardedFlood(t *testing.T, l *lab.Lab, servers ...int) *labtest.Flood {
	t.Helper()
	const rate = 5000 // PTBs a second in all
	f := newForger(t, l, forgery{families: []lab.Family{lab.IPv6}}, servers...)
	return labtest.StartFlood(t, l, lab.Stream{Rate: rate, Count: 30 * rate, Fill: f.fill})
}

// What the guard turns away from the log still reaches the host's own stack: an
// owner learns from a PTB that its own daemon never saw, however great the flood.
func TestGuardSparesTheHost(t *testing.T) {
	l := labtest.New(t, lab.Options{Servers: 2})
	arrivals := labtest.NewMeter(t, l)
	var taps []*lab.Tap
	for _, s := range l.Servers {
		taps = append(taps, labtest.TapWith(t, s, "eth0", lab.TapOptions{Types: []lab.PacketType{lab.PacketBroadcast}}))
	}
	labtest.StartRelays(t, l, "--config", writeConfig(t, "rules: {node_guard: 1}\n"))
	rain := guardedFlood(t, l, 0, 1)
	for _, s := range l.Servers {
		awaitGuarded(t, s, 1000)
	}
	r := labtest.Downloads(t, l, lab.Load{Timeout: 2 * time.Second})
	rain.Stop()

	arrived := arrivals.Counts()
	for i, s := range l.Servers {
		relayed := awaitSplit(t, s, float64(arrived[i]))
		there := taps[(i+1)%len(taps)]
		if copies := len(broadcasts(labtest.Fence(t, s, "eth0", there))); copies == 0 || float64(copies) != relayed {
			t.Errorf("%s relayed %v PTBs and made %d copies, want one of each and some", s.Name(), relayed, copies)
		}
		checkLaws(t, s)
	}
	// What was not guarded made a copy, so a flow without one was guarded.
	checkOwnersLearned(t, l, r, copiesSeen(taps))
}

// awaitSplit waits until each PTB that arrived on a server is either guarded or
// relayed, and returns how many are relayed.
func awaitSplit(t *testing.T, server *lab.Node, arrived float64) (relayed float64) {
	t.Helper()
	awaitMetrics(t, server, 5*time.Second, "what arrived is relayed or guarded", func(m map[string]float64) error {
		guarded := m["ptbrelay_guarded_total"]
		relayed = m[outcomeMetric("ipv4", "relayed")] + m[outcomeMetric("ipv6", "relayed")]
		if relayed+guarded != arrived {
			return fmt.Errorf("%v arrived, %v relayed, %v guarded", arrived, relayed, guarded)
		}
		return nil
	})
	return relayed
}

// checkOwnersLearned checks, for the flows of which there is no copy, that their
// owners learned nevertheless, unless the PTB came to another server: then the
// guard's work shows in the stall.
func checkOwnersLearned(t *testing.T, l *lab.Lab, r lab.Report, copies map[lab.Flow][]seen) {
	t.Helper()
	for _, f := range lab.Families() {
		learned, stalled := 0, 0
		for _, x := range r.Family(f).Results {
			if len(copies[x.Flow]) > 0 {
				continue
			}
			if !x.Finished {
				stalled++
				continue
			}
			mtu, exception, err := l.Servers[x.Owner].PathMTU(x.Flow.VIP.Addr(), x.Flow.Client.Addr())
			if err != nil {
				t.Fatal(err)
			}
			if exception && mtu == l.Options.PathMTU {
				learned++
			}
		}
		t.Logf("%v: %d owners learned from guarded PTBs; %d flows stalled whose guarded PTBs came to others", f, learned, stalled)
		if learned < 16 || stalled < 16 {
			t.Errorf("%v: %d owners learned and %d flows stalled, want at least 16 each", f, learned, stalled)
		}
	}
}

// awaitGuarded waits until a server's guard has turned away so many.
func awaitGuarded(t *testing.T, server *lab.Node, atLeast float64) (guarded float64) {
	t.Helper()
	awaitMetrics(t, server, 5*time.Second, "the guard turns PTBs away", func(m map[string]float64) error {
		if guarded = m["ptbrelay_guarded_total"]; guarded < atLeast {
			return fmt.Errorf("%v of %v", guarded, atLeast)
		}
		return nil
	})
	return guarded
}

// The guard's count goes on, and never falls, while reloads replace the guard
// and the sets in front of it; to the last PTB, what was sent is accounted for.
func TestGuardedNeverFalls(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	server := l.Servers[0]
	texts := []string{
		"rules: {node_guard: 100}\n",
		"rules: {node_guard: 200}\n",
		"rules: {node_guard: 100}\nvips: [\"2001:db8:ffff::/64\"]\n",
	}
	path := writeConfig(t, texts[0])
	p := labtest.StartRelay(t, server, "--config", path)
	rain := guardedFlood(t, l, 0)
	last := awaitGuarded(t, server, 1)
	sample := func() {
		t.Helper()
		now := metricsOf(t, server)["ptbrelay_guarded_total"]
		if now < last {
			t.Fatalf("the count fell from %v to %v", last, now)
		}
		last = now
	}
	for i := range 30 {
		writeFile(t, path, texts[(i+1)%len(texts)])
		if err := p.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		labtest.Eventually(t, 5*time.Second, "the configuration is read", func() error {
			sample()
			if got := strings.Count(p.Log(), readAgain+" cause=signal"); got != i+1 {
				return fmt.Errorf("%d times", got)
			}
			return nil
		})
		last = awaitGuarded(t, server, last+1)
	}
	accountedFor(t, l, float64(rain.Stop()))
	checkLaws(t, server)
}
