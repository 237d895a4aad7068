package integration

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"ptbrelay/classify/classifytest"
	"ptbrelay/config"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

const fromBroadcast = "From broadcast to udp"

// The page's way from broadcast to udp and back, done as it is written on three servers of
// one segment that relay. Downloads run through both restarts: all finish.
func TestAcrossRacksPageFromBroadcast(t *testing.T) {
	t.Parallel() // it waits more than it works
	guide := chapter(t, acrossPage, fromBroadcast)
	m := &switchover{operator: operator{rollout: &rollout{racks: watchRacks(t, lab.Options{}), admin: newAdmin(t)}}}
	broadcast, udp := blocks(fileText(t, readmePage), "yaml")[0], m.overSegment()
	m.install(broadcast)
	for i := range m.Servers {
		m.daemons = append(m.daemons, m.run(i))
	}
	steps := blocks(guide, "console")
	if len(steps) != 4 {
		t.Fatalf("the page has %d steps with commands, want 4", len(steps))
	}
	m.follow(steps[0])
	m.place(labtest.Key(0) + "\n")
	for i := range m.Servers {
		m.write(i, udp)
		reread(t, m.daemons[i])
	}
	m.follow(steps[1])
	m.switches(steps[2], lab.IPv4, config.TransportBroadcast, config.TransportUDP)
	m.switches(steps[3], lab.IPv6, config.TransportUDP, config.TransportBroadcast)
	byMAC := regexp.MustCompile(`(?m)^([0-9a-f]{2}:){5}[0-9a-f]{2} on eth0 +yes .* - +-$`).FindAllString(m.last, -1)
	if want := len(m.Servers) * (len(m.Servers) - 1); len(byMAC) != want {
		t.Errorf("by broadcast selftest names %d by MAC address, want %d:\n%s", len(byMAC), want, m.last)
	}
	for i := range m.Servers {
		if now := fileText(t, m.configs[i]); now != broadcast {
			t.Errorf("server %d is back with\n%s", i+1, now)
		}
	}
}

// Why the page restarts all at once: what lands on a server with udp does not reach one
// that broadcasts. What lands on that one reaches all.
func TestAcrossRacksPageMixed(t *testing.T) {
	t.Parallel()
	l := labtest.New(t, lab.Options{Servers: 2, Clients: 2})
	const udp, broadcast = 0, 1
	labtest.WriteKeys(t, l.Servers[udp], labtest.Key(0))
	labtest.StartUDPRelay(t, l.Servers[udp], labtest.Peers(l, lab.IPv4)...)
	labtest.StartRelay(t, l.Servers[broadcast])
	for _, f := range lab.Families() {
		flow := func(client int) lab.Flow {
			return lab.Flow{VIP: netip.AddrPortFrom(l.VIP(f), 443), Client: netip.AddrPortFrom(l.ClientAddr(f, client), 0)}
		}
		deaf, hears := labtest.AcceptTCP(t, l, broadcast, flow(0)), labtest.AcceptTCP(t, l, udp, flow(1))
		labtest.FromRouter(t, l, udp, ptbAbout(deaf).Bytes())
		labtest.FromRouter(t, l, broadcast, ptbAbout(hears).Bytes())
		hears.AwaitPathMTU(int(classifytest.MTU))
		await(t, l.Servers[udp], outcomeMetric(f.String(), "relayed"), 1)
		if mtu := deaf.PathMTU(); mtu != 1500 {
			t.Errorf("%v: path MTU %d, by a copy over udp that nobody hears", deaf.Flow, mtu)
		}
	}
}

// switchover is an operator who changes the transport of a running group.
type switchover struct {
	operator
	last string // what the line before printed
}

// overSegment is the page's configuration with the addresses that the servers of a
// segment have.
func (m *switchover) overSegment() string {
	m.t.Helper()
	page := blocks(fileText(m.t, acrossPage), "yaml")[0]
	var peers []string
	for i := range m.Servers {
		peers = append(peers, m.ServerAddr(lab.IPv4, i).String())
	}
	here := regexp.MustCompile(`static: \[.*\]`).ReplaceAllString(page, "static: ["+strings.Join(peers, ", ")+"]")
	if len(parsed(m.t, here).Peers.Static) != len(peers) {
		m.t.Fatalf("no peers in\n%s", page)
	}
	return here
}

// follow does the lines of a step; each must succeed.
func (m *switchover) follow(step string) {
	m.t.Helper()
	for line := range strings.Lines(step) {
		line = strings.TrimSpace(line)
		if strings.Contains(line, " systemctl restart ptbrelay & ") {
			m.restart()
			continue
		}
		code, printed := m.do(line)
		m.last = printed
		if code != 0 {
			m.t.Errorf("%s: exit code %d:\n%s", line, code, printed)
		}
		for command, part := range map[string]string{
			"check-config": ": good\n", "journalctl": "relay.transport: broadcast -> udp", "selftest": "\ngood\n",
		} {
			if n := strings.Count(printed, part); strings.Contains(line, command) && n != len(m.Servers) {
				m.t.Errorf("%s: %d servers say %q:\n%s", line, n, part, printed)
			}
		}
	}
}

// restart ends all daemons, and starts all when the last has ended.
func (m *switchover) restart() {
	m.t.Helper()
	for _, p := range m.daemons {
		labtest.Stop(m.t, p)
	}
	for i := range m.daemons {
		m.daemons[i] = m.begin(i)
	}
	for i := range m.daemons {
		m.captures(i, m.daemons[i])
	}
}

// switches does the lines of a step while downloads of a family run, which begin by
// copies of one transport, and end by those of another.
func (m *switchover) switches(step string, f lab.Family, from, to config.Transport) {
	m.t.Helper()
	type result struct {
		report lab.Report
		err    error
	}
	done := make(chan result, 1)
	go func() {
		// Enough time for a retransmission after a restart on a slow machine.
		r, err := m.Downloads(m.t.Context(), lab.Load{Families: []lab.Family{f}, Spread: time.Second, Timeout: 15 * time.Second})
		done <- result{r, err}
	}()
	m.awaitCopies(from)
	m.follow(step)
	m.awaitCopies(to)
	r := <-done
	if r.err != nil {
		m.t.Fatal(r.err)
	}
	allFinished(m.t, r.report)
}

// awaitCopies waits until a server sends copies by a transport, and by no other one.
func (m *switchover) awaitCopies(by config.Transport) {
	m.t.Helper()
	labtest.Eventually(m.t, 15*time.Second, "copies by "+string(by), func() error {
		var here, all float64
		for _, s := range m.Servers {
			metrics := metricsOf(m.t, s)
			here += metrics[`ptbrelay_copies_total{transport="`+string(by)+`"}`]
			all += sum(metrics, "ptbrelay_copies_total")
		}
		if here != all {
			m.t.Fatalf("of %v copies %v are by %s", all, here, by)
		}
		if here == 0 {
			return errNotYet
		}
		return nil
	})
}
