package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// Each kind of key that a running daemon takes over shows in what becomes of the next
// PTB.
func TestReloadTakesEffect(t *testing.T) {
	r := watchRacks(t, lab.Options{Shape: lab.ShapeRouted, Servers: 2, Clients: 1})
	here, there := r.Servers[0], r.Servers[1]
	peer := func(i int) string { return fmt.Sprintf("peers: {static: [%s]}\n", r.ServerAddr(lab.IPv4, i)) }
	path, pathThere := writeConfig(t, ""), writeConfig(t, peer(0))
	relay, relayThere := r.start(0, "--config", path), r.start(1, "--config", pathThere)
	change := func(p *lab.Process, path, text string) {
		t.Helper()
		replaceFile(t, path, text)
		hangUp(t, p, readAgain+" cause=signal")
	}
	port := uint16(46000)
	counts := func(server *lab.Node, metric string, ptbs int) {
		t.Helper()
		before := metricsOf(t, server)[metric]
		for range ptbs {
			port++
			labtest.FromRouter(t, r.Lab, 0, classifytest.PTB{ClientPort: port}.Bytes())
		}
		labtest.Eventually(t, 5*time.Second, metric+" rises", func() error {
			if metricsOf(t, server)[metric] == before {
				return errNotYet
			}
			return nil
		})
	}
	counts(here, outcomeMetric("ipv4", "no-peers"), 1)
	change(relay, path, peer(1))
	// The set of peers follows a moment later.
	await(t, here, `ptbrelay_peers{source="static",state="up"}`, 1)
	counts(here, outcomeMetric("ipv4", "relayed"), 1)
	counts(there, deliveryMetric("ipv4", "injected"), 1)
	change(relayThere, pathThere, peer(0)+"udp: {deliver: owned}\n")
	counts(there, deliveryMetric("ipv4", "not-owned"), 1)
	change(relay, path, peer(1)+"relay: {dry_run: true}\n")
	counts(here, outcomeMetric("ipv4", "dry-run"), 1)
	change(relay, path, peer(1)+"policy: {ports: [22]}\n")
	counts(here, verdictMetric("ipv4", classify.ForeignPort), 1)
	change(relay, path, peer(1)+"policy: {mtu: {min4: 1401}}\n")
	counts(here, verdictMetric("ipv4", classify.MTUTooSmall), 1)
	change(relay, path, peer(1)+"relay: {limits: {node: 1, node_burst: 2}}\n")
	counts(here, outcomeMetric("ipv4", "deferred"), 20)
	change(relay, path, peer(1)+"vips: [192.0.2.99]\n")
	received := sum(metricsOf(t, here), "ptbrelay_received_total")
	for range 3 {
		port++
		labtest.FromRouter(t, r.Lab, 0, classifytest.PTB{ClientPort: port}.Bytes())
	}
	change(relay, path, peer(1))
	counts(here, outcomeMetric("ipv4", "relayed"), 1)
	if n := sum(metricsOf(t, here), "ptbrelay_received_total"); n != received+1 {
		t.Errorf("%v PTBs for no VIP were received", n-received-1)
	}
	r.settle()
	for _, s := range r.Servers {
		checkLaws(t, s)
	}
	// The transport and the keys' file are given by flags.
	if log := relay.Log() + relayThere.Log(); strings.Contains(log, "until a restart") || strings.Contains(log, refusedAgain) {
		t.Errorf("the flags do not hold:\n%s", log)
	}
}

// What takes a restart keeps its value, and the log names it, each time; the rest of
// the same file is in force.
func TestReloadNamesRestartKeys(t *testing.T) {
	c := startConfigured(t)
	const restart = "capture: {group: 40, buffer: 16MiB}\nrules: {manage: false}\nhttp: {listen: \"localhost:1\"}\ncontrol: /other.sock\nlog: {format: json}\n"
	for range 2 {
		c.rename(c.next() + restart)
		c.serves("beside what takes a restart")
		const keys = `until a restart" keys="[capture.group: 33 -> 40 capture.buffer: 8MiB -> 16MiB rules.manage: true -> false` +
			` http.listen: \"localhost:7690\" -> \"localhost:1\" control: /run/ptbrelay/control.sock -> /other.sock log.format: text -> json]"`
		log := c.relay.Log()
		if line := log[strings.LastIndex(log, "these keys"):]; !strings.Contains(line, keys) {
			t.Errorf("the log says %q, want %s", line, keys)
		}
	}
	if n := strings.Count(c.relay.Log(), "these keys"); n != 2 {
		t.Errorf("named %d times, want twice", n)
	}
	if code := labtest.Stop(t, c.relay); code != 0 {
		t.Errorf("exit code %d:\n%s", code, c.relay.Log())
	}
	nothingLeft(t, c.lab.Servers[0])
}
