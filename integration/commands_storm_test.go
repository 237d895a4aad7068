package integration

import (
	"context"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"ptbrelay/config"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/control"
)

// A storm of reloads, with pauses, watchers, selftests and snapshots at once and
// PTBs all the while: every PTB is accounted for, at whoever it got to, and the
// daemon is as it was before.
func TestCommandStorm(t *testing.T) {
	path := writeConfig(t, stormTexts[0])
	l, relays := startGroup(t, config.TransportUDP, lab.Options{Clients: 1}, "--config", path)
	for _, s := range l.Servers {
		labtest.WriteKeys(t, s, labtest.Key(0), labtest.Key(1))
	}
	for _, r := range relays {
		reread(t, r)
	}
	s := &storm{t: t, lab: l, server: l.Servers[0], relay: relays[0], config: path}
	s.rage(len(stormTexts)) // touches what is allocated and was never used
	before := stateOf(t, s.server, s.relay)
	s.rage(30)
	checkState(t, s.server, s.relay, before)

	m := metricsOf(t, s.server)
	for _, outcome := range []string{"relayed", "paused", "dry-run"} {
		t.Logf("%s: %v", outcome, m[outcomeMetric("ipv6", outcome)])
		if m[outcomeMetric("ipv6", outcome)] == 0 {
			t.Errorf("no PTB was %s", outcome)
		}
	}
	checkPaused(t, s.server, false)
	relayed := m[outcomeMetric("ipv4", "relayed")]
	labtest.FromRouter(t, l, 0, ptbs(46000)[0].Bytes())
	await(t, s.server, outcomeMetric("ipv4", "relayed"), relayed+1)
	copies := metricsOf(t, s.server)[`ptbrelay_copies_total{transport="udp"}`]
	labtest.Eventually(t, 5*time.Second, "every copy is opened", func() error {
		if opened := total(t, l, datagramMetric("ptb", "opened")); opened != copies {
			return fmt.Errorf("%v of %v are", opened, copies)
		}
		return nil
	})
	for _, server := range l.Servers {
		checkLaws(t, server)
	}
}

// stormTexts are configurations to change between. All relay for the VIP that the
// PTBs are for, and none holds them back for long.
var stormTexts = []string{
	"vips: [192.0.2.0/24, 2001:db8:ffff::/64]\n",
	"relay: {dry_run: true, limits: {node: 100}}\nvips: [2001:db8:ffff::1]\n",
	"policy: {ports: [443, 80]}\nrules: {node_guard: 50000}\nlog: {level: debug}\n",
}

// stormRate is in PTBs a second: more than the node may relay, and little enough
// that commands get their turn.
const stormRate = 4000

// storm is what one daemon of a group gets.
type storm struct {
	t      *testing.T
	lab    *lab.Lab
	server *lab.Node
	relay  *lab.Process
	config string
}

// rage reloads so many times, with all the rest meanwhile, and returns when every
// PTB is accounted for.
func (s *storm) rage(reloads int) {
	s.t.Helper()
	before := s.known()
	rain := &flood{labtest.StartFlood(s.t, s.lab, lab.Stream{
		Rate: stormRate, Count: floodLimit,
		Fill: newForger(s.t, s.lab, forgery{families: []lab.Family{lab.IPv6}}, 0).fill,
	}), s.t}
	stop := make(chan struct{})
	var g errgroup.Group
	for _, do := range []func(context.Context) error{s.pauseAndResume, s.watchALittle, s.watchALittle, s.selftest, s.snapshot} {
		g.Go(func() error {
			for {
				select {
				case <-stop:
					return nil
				default:
				}
				if err := do(s.t.Context()); err != nil {
					return err
				}
			}
		})
	}
	for i := range reloads {
		s.reload(i)
	}
	close(stop)
	if err := g.Wait(); err != nil {
		s.t.Fatal(err)
	}
	accountedFor(s.t, s.lab, before+rain.pour(0))
}

// known is how many PTBs the daemon knows of, one way or the other.
func (s *storm) known() float64 {
	s.t.Helper()
	m := metricsOf(s.t, s.server)
	return sum(m, "ptbrelay_received_total") + sum(m, "ptbrelay_capture_lost_total") + m["ptbrelay_guarded_total"]
}

// reload changes configuration and keys.
func (s *storm) reload(i int) {
	s.t.Helper()
	writeFile(s.t, s.config, stormTexts[(i+1)%len(stormTexts)])
	first := uint8(i % 2)
	labtest.WriteKeys(s.t, s.server, labtest.Key(first), labtest.Key(1-first))
	reread(s.t, s.relay)
}

func (s *storm) pauseAndResume(ctx context.Context) error {
	if _, err := tryAsk(ctx, s.server, control.Client.Pause); err != nil {
		return err
	}
	_, err := tryAsk(ctx, s.server, control.Client.Resume)
	return err
}

func (s *storm) watchALittle(ctx context.Context) error {
	w, err := tryAsk(ctx, s.server, func(c control.Client, ctx context.Context) (*control.Watch, error) {
		return c.Watch(ctx, control.Filter{})
	})
	if err != nil {
		return err
	}
	defer w.Close()
	for range 10 {
		if _, err := w.Next(); err != nil {
			return err
		}
	}
	return nil
}

func (s *storm) selftest(ctx context.Context) error {
	_, err := tryAsk(ctx, s.server, control.Client.Selftest)
	return err
}

func (s *storm) snapshot(ctx context.Context) error {
	_, err := tryAsk(ctx, s.server, control.Client.Snapshot)
	return err
}
