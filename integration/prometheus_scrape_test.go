package integration

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// A real Prometheus scrapes a group, and by its answers the laws hold and what the
// servers have counted is what was sent to them. Its alerts tell what was done to
// three servers, each of that server: one has a peer that is not there, one is
// paused, and one has a guard that a small flood is above.
func TestPrometheusScrapesGroup(t *testing.T) {
	t.Parallel() // it waits more than it works
	requireProgram(t, "prometheus")
	l := labtest.New(t, lab.Options{Shape: lab.ShapeRouted, Clients: 1})
	for i, s := range l.Servers {
		labtest.WriteKeys(t, s, labtest.Key(0))
		extra := [][]string{
			{"--peer", "198.51.100.250"},
			nil,
			{"--config", writeConfig(t, "rules: {node_guard: 10}\n")},
		}[i]
		labtest.StartUDPRelay(t, s, append(labtest.Peers(l, lab.IPv4), extra...)...)
	}
	labtest.AwaitPeers(t, l)
	g := &scrapedGroup{l, t, startPrometheus(t, scrapeAll(t, l))}
	const series = 13 // of a server: the laws, by family where they are
	g.eventually(`count by (instance) (ptbrelay:law:difference)`, map[string]float64{"server0": series, "server1": series, "server2": series})
	g.eventually(`up`, map[string]float64{"server0": 1, "server1": 1, "server2": 1})

	sent := map[string]float64{"server0": 60, "server1": 40, "server2": 200}
	g.send(sent)
	g.eventually(`sum by (instance) (ptbrelay_received_total{from="wire"}) + on (instance) ptbrelay_guarded_total`, sent)
	g.eventually(`sum by (instance) (ptbrelay_outcomes_total{outcome="relayed"}) and on (instance) ptbrelay_guarded_total == 0`,
		map[string]float64{"server0": sent["server0"], "server1": sent["server1"]})
	g.eventually(`sum by (job) (ptbrelay_datagrams_total{type="ptb",result="opened"}) - 2 * sum by (job) (ptbrelay_outcomes_total{outcome="relayed"})`,
		map[string]float64{"": 0})
	g.eventually(`max by (instance) (abs(ptbrelay:law:difference))`, map[string]float64{"server0": 0, "server1": 0, "server2": 0})

	obeyed(t, l.Servers[1:2], saysPaused, "pause")
	g.eventually(`ALERTS{alertname="PtbrelayPeerDown",alertstate="pending",severity="warning"}`, map[string]float64{"server0": 1})
	g.eventually(`ALERTS{alertname="PtbrelayPaused",alertstate="pending"}`, map[string]float64{"server1": 1})
	g.eventually(`ALERTS{alertname="PtbrelayGuardActive",alertstate="firing"}`, map[string]float64{"server2": 1})
	g.eventually(`ALERTS{alertname!="PtbrelayGuardActive",alertstate="firing"}`, map[string]float64{})
}

// scrapeAll is the configuration of a Prometheus that scrapes all servers of a lab,
// called server0 and so on.
func scrapeAll(t *testing.T, l *lab.Lab) string {
	t.Helper()
	var targets []string
	for i, s := range l.Servers {
		targets = append(targets, fmt.Sprintf("{targets: [%q], labels: {instance: server%d}}", carryHTTP(t, s), i))
	}
	return scraping(t, targets...)
}

// scraping is the configuration of a Prometheus with our rules that scrapes these
// targets, in its own form, five times a second.
func scraping(t *testing.T, targets ...string) string {
	t.Helper()
	return fmt.Sprintf(`
global: {scrape_interval: 200ms, evaluation_interval: 200ms}
rule_files: [%q]
scrape_configs:
  - job_name: ptbrelay
    static_configs: [%s]
`, absolute(t, rulesFile), strings.Join(targets, ", "))
}

// scrapedGroup is a group of daemons and the Prometheus that scrapes them.
type scrapedGroup struct {
	*lab.Lab
	t *testing.T
	*prometheusServer
}

// send sends so many PTBs to each server at once, each about another client.
func (g *scrapedGroup) send(counts map[string]float64) {
	g.t.Helper()
	flow := uint16(0)
	for i := range g.Servers {
		var frames [][]byte
		for range int(counts[fmt.Sprintf("server%d", i)]) {
			flow++
			client := netip.AddrFrom4([4]byte{203, 0, 113, byte(flow)})
			frames = append(frames, labtest.FrameTo(g.t, g.Lab, i, classifytest.PTB{Client: client, ClientPort: flow}.Bytes()))
		}
		if err := labtest.Sender(g.t, g.Router, g.RouterInterface(i)).Send(frames); err != nil {
			g.t.Fatal(err)
		}
	}
}

// eventually waits until an expression has these values, by instance, and no others.
func (g *scrapedGroup) eventually(expression string, want map[string]float64) {
	g.t.Helper()
	labtest.Eventually(g.t, 20*time.Second, expression, func() error {
		found, err := g.query(expression)
		if err != nil {
			return err
		}
		for _, s := range found {
			if value, ok := want[s.Labels["instance"]]; !ok || value != s.Value {
				return fmt.Errorf("%v", found)
			}
		}
		if len(found) != len(want) {
			return fmt.Errorf("%v, want %v", found, want)
		}
		return nil
	})
}
