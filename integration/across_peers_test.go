package integration

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// peersFile is where daemons look for peers; every server has its own /run.
const peersFile = "/run/ptbrelay.peers"

func peersMetric(source, state string) string {
	return fmt.Sprintf(`ptbrelay_peers{source=%q,state=%q}`, source, state)
}

// addresses are those of servers on the fabric, one a line.
func (r *racks) addresses(f lab.Family, servers ...int) (text string) {
	for _, i := range servers {
		text += r.ServerAddr(f, i).String() + "\n"
	}
	return text
}

// Daemons without a single peer say so, capture, and send nothing. As soon as a
// file names the servers, the same daemons heal.
func TestPeersComeLater(t *testing.T) {
	r := watchRacks(t, lab.Options{Shape: lab.ShapeRouted, Clients: 16})
	config := writeConfig(t, "peers: {file: "+peersFile+"}\n")
	for i := range r.Servers {
		p := r.start(i, "--config", config)
		labtest.Eventually(t, 5*time.Second, "the daemon warns", func() error {
			if !strings.Contains(p.Log(), `level=WARN msg="no peers: nobody gets a copy`) {
				return errNotYet
			}
			return nil
		})
	}
	for _, ptb := range ptbs(44301) {
		labtest.FromRouter(t, r.Lab, 0, ptb.Bytes())
		await(t, r.Servers[0], outcomeMetric(ptb.Family.String(), "no-peers"), 1)
	}
	if sent := copiesLeaving(labtest.Fence(t, r.Servers[0], "eth0", r.wire[0])); len(sent) > 0 {
		t.Errorf("%d copies left a server without peers", len(sent))
	}

	list := []byte(r.addresses(lab.IPv6, 0, 1, 2))
	for _, s := range r.Servers {
		if err := s.WriteFile(peersFile, list, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range r.Servers {
		await(t, s, peersMetric("file", "up"), 2)
		await(t, s, peersMetric("file", "unresolved"), 0)
	}
	r.heal()
}

// A reload with other peers takes effect from one message to the next: each that
// stays gets every copy, and no PTB is without one.
func TestReloadChangesPeers(t *testing.T) {
	r := watchRacks(t, lab.Options{Shape: lab.ShapeRouted, Clients: 1})
	path := writeConfig(t, "")
	write := func(servers ...int) {
		t.Helper()
		list := strings.Split(strings.TrimSpace(r.addresses(lab.IPv4, servers...)), "\n")
		writeFile(t, path, unlimited+"peers: {static: ["+strings.Join(list, ", ")+"]}\n")
	}
	write(0, 1)
	sender := r.start(0, "--config", path)
	for i := 1; i < len(r.Servers); i++ {
		r.start(i, append(labtest.Peers(r.Lab, lab.IPv4), "--config", writeConfig(t, unlimited))...)
	}
	rain := r.rain(0)
	for _, peers := range [][]int{{0, 1, 2}, {2, 1}, {1}, {1, 2}} {
		before := make(map[int]float64)
		for _, i := range peers {
			before[i] = r.opened(i)
		}
		write(peers...)
		reread(t, sender)
		for _, i := range peers {
			if i == 0 {
				continue
			}
			labtest.Eventually(t, 5*time.Second, fmt.Sprintf("server %d gets copies", i), func() error {
				if r.opened(i) < before[i]+100 {
					return errNotYet
				}
				return nil
			})
		}
	}
	sent := float64(rain.Stop())
	labtest.Eventually(t, 5*time.Second, "every PTB is relayed", func() error {
		m := metricsOf(t, r.Servers[0])
		if n := sum(m, "ptbrelay_outcomes_total"); n != sent {
			return fmt.Errorf("%v of %v have an outcome", n, sent)
		}
		if n := m[outcomeMetric("ipv4", "relayed")] + m[outcomeMetric("ipv6", "relayed")]; n != sent {
			return fmt.Errorf("%v of %v are relayed", n, sent)
		}
		return nil
	})
	r.settle()
	if got := r.opened(1); got != sent {
		t.Errorf("the peer that was one all the time got %v of %v copies", got, sent)
	}
	if got := r.opened(2); got == 0 || got >= sent {
		t.Errorf("the peer that came and went got %v of %v copies", got, sent)
	}
	if n := metricsOf(t, r.Servers[0])[udpErrors]; n != 0 {
		t.Errorf("%v copies failed", n)
	}
	for _, s := range r.Servers {
		checkLaws(t, s)
	}
}

// opened is how many PTBs of peers a server has opened.
func (r *racks) opened(server int) float64 {
	r.t.Helper()
	return metricsOf(r.t, r.Servers[server])[datagramMetric("ptb", "opened")]
}

// One file serves a group that changes its transport: a daemon that broadcasts
// heeds nothing of what it says about udp.
func TestBroadcastIgnoresUDPKeys(t *testing.T) {
	const text = `
interfaces: [eth0]
udp: {listen: 203.0.113.250, key_file: /nonexistent, deliver: owned, tolerance: 1s}
peers: {static: [198.51.100.129, 198.51.100.130, "2001:db8:3::1"], file: /nonexistent, dns: {name: peers.invalid}}
`
	r := watchRacks(t, lab.Options{Clients: 16})
	labtest.StartRelays(t, r.Lab, "--config", writeConfig(t, text))
	report := labtest.Downloads(t, r.Lab, lab.Load{})
	if err := report.CheckHash(r.Landings(r.wire)); err != nil {
		t.Fatal(err)
	}
	allFinished(t, report)
	checkSlowest(t, report)
	for i, s := range r.Servers {
		if sent := copiesLeaving(labtest.Fence(t, s, "eth0", r.wire[i])); len(sent) > 0 {
			t.Errorf("%s has sent %d datagrams", s.Name(), len(sent))
		}
		if bound := udpSockets(t, s); bound != "" {
			t.Errorf("%s has UDP sockets:\n%s", s.Name(), bound)
		}
		m := metricsOf(t, s)
		for _, name := range []string{"ptbrelay_datagrams_total", "ptbrelay_deliveries_total", "ptbrelay_peers"} {
			if n := sum(m, name); n != 0 {
				t.Errorf("%s: %s is %v", s.Name(), name, n)
			}
		}
		checkLaws(t, s)
	}
}

// udpSockets lists the UDP sockets of a node as the kernel shows them.
func udpSockets(t *testing.T, n *lab.Node) (found string) {
	t.Helper()
	err := n.Do(func() error {
		for _, name := range []string{"udp", "udp6"} {
			b, err := os.ReadFile("/proc/thread-self/net/" + name)
			if err != nil {
				return err
			}
			_, rows, _ := strings.Cut(string(b), "\n")
			found += rows
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
