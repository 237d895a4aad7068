package integration

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/rules"
)

// tables are the names of the nftables tables on a node.
func tables(t testing.TB, n *lab.Node) (names []string) {
	t.Helper()
	err := n.Do(func() error {
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		found, err := conn.ListTables()
		for _, table := range found {
			names = append(names, table.Name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// groups is the kernel's list of NFLOG groups in use on a node.
func groups(t testing.TB, n *lab.Node) (text string) {
	t.Helper()
	err := n.Do(func() error {
		b, err := os.ReadFile("/proc/thread-self/net/netfilter/nfnetlink_log")
		text = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// nothingLeft fails unless a node is as it was before ptbrelay ran.
func nothingLeft(t testing.TB, n *lab.Node) {
	t.Helper()
	if left := tables(t, n); len(left) != 0 {
		t.Errorf("%s: tables %v are left", n.Name(), left)
	}
	if left := groups(t, n); left != "" {
		t.Errorf("%s: NFLOG groups are left:\n%s", n.Name(), left)
	}
}

// SIGTERM ends the daemon within a second, SIGKILL at once; neither leaves a
// table or a bound group, and the next start works at once: idle and while
// PTBs rain.
func TestStopAndKillLeaveNothing(t *testing.T) {
	for _, flooded := range []bool{false, true} {
		t.Run(fmt.Sprintf("flooded=%v", flooded), func(t *testing.T) {
			l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
			server := l.Servers[0]
			var rain *flood
			if flooded {
				rain = startFlood(t, l, 0)
			}
			for range 3 {
				p := labtest.StartRelay(t, server)
				handled(t, server, rain)
				begin := time.Now()
				if code := labtest.Stop(t, p); code != 0 {
					t.Errorf("exit code %d:\n%s", code, p.Log())
				}
				if took := time.Since(begin); took > time.Second {
					t.Errorf("SIGTERM took %v", took)
				}
				nothingLeft(t, server)

				p = labtest.StartRelay(t, server)
				handled(t, server, rain)
				if err := p.Kill(); err != nil {
					t.Fatal(err)
				}
				if _, err := p.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				nothingLeft(t, server)
			}
		})
	}
}

// handled waits until the daemon has handled some of the rain, if there is any.
func handled(t *testing.T, server *lab.Node, rain *flood) {
	t.Helper()
	if rain == nil {
		return
	}
	awaitMetrics(t, server, 5*time.Second, "the flood arrives", func(m map[string]float64) error {
		if m[verdictMetric("ipv6", classify.Eligible)] < 100 {
			return errNotYet
		}
		return nil
	})
}

// Under a flood of new flows the node's budget holds on the wire, nothing is
// lost unnoticed, and the laws hold to the last message.
func TestLawsAndBudgetUnderFlood(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	labtest.StartRelay(t, l.Servers[0])
	there := labtest.TapWith(t, l.Servers[1], "eth0", lab.TapOptions{Limit: 1 << 18})
	rain := startFlood(t, l, 0)
	sent := rain.pour(100_000)
	accountedFor(t, l, sent)
	checkLaws(t, l.Servers[0])
	frames := broadcasts(labtest.Fence(t, l.Servers[0], "eth0", there))
	if got := metricsOf(t, l.Servers[0])[outcomeMetric("ipv6", "relayed")]; got != float64(len(frames)) {
		t.Errorf("%v relayed, %d frames on the wire", got, len(frames))
	}
	checkBudget(t, frames, 1000, 2000)
}

// A daemon that cannot keep up loses messages, counts each of them as what it
// is, and goes on.
func TestOverrunIsCounted(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	server := l.Servers[0]
	p := labtest.StartRelay(t, server, "--config", writeConfig(t, "capture: {buffer: 4MiB}\n"))
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	rain := startFlood(t, l, 0)
	sent := rain.pour(100_000)
	if err := p.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	accountedFor(t, l, sent)
	m := metricsOf(t, server)
	if m[`ptbrelay_capture_lost_total{reason="overrun"}`] == 0 || m[`ptbrelay_capture_lost_total{reason="gap"}`] != 0 {
		t.Errorf("lost by overrun %v, otherwise %v", m[`ptbrelay_capture_lost_total{reason="overrun"}`], m[`ptbrelay_capture_lost_total{reason="gap"}`])
	}
	checkLaws(t, server)
}

// checkBudget fails where in any second more copies were on the wire than the
// burst and the rate allow; 3 % are for the clocks.
func checkBudget(t *testing.T, copies []lab.PTB, rate, burst int) {
	t.Helper()
	if len(copies) < burst {
		t.Fatalf("only %d copies: the budget was not tried", len(copies))
	}
	first := 0
	for i, c := range copies {
		for c.Frame.Time.Sub(copies[first].Frame.Time) > time.Second {
			first++
		}
		if n := i - first + 1; n > (rate+burst)*103/100 {
			t.Fatalf("%d copies within a second", n)
		}
	}
}

// `nft flush ruleset` passes the table by, and relaying goes on.
func TestFlushRuleset(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	server := l.Servers[0]
	labtest.StartRelay(t, server)
	addTable(t, server, "operators")
	err := server.Do(func() error {
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		conn.FlushRuleset()
		return conn.Flush()
	})
	if err != nil {
		t.Fatal(err)
	}
	if left := tables(t, server); len(left) != 1 || left[0] != "ptbrelay" {
		t.Fatalf("after a flush the tables are %v", left)
	}
	labtest.FromRouter(t, l, 0, classifytest.PTB{}.Bytes())
	await(t, server, outcomeMetric("ipv4", "relayed"), 1)
}

func addTable(t testing.TB, n *lab.Node, name string) {
	t.Helper()
	err := n.Do(func() error {
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		conn.AddTable(&nftables.Table{Name: name, Family: nftables.TableFamilyINet})
		return conn.Flush()
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A second daemon is told what is in its way, and does the first no harm.
func TestSecondDaemonIsRefused(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	server := l.Servers[0]
	labtest.StartRelay(t, server)
	for _, c := range []struct{ config, want string }{
		{"", "another process owns the group"},
		{"capture: {group: 40}", "another ptbrelay runs here"},
	} {
		p := labtest.Start(t, server, "run", "--interface", "eth0", "--http", "", "--config", writeConfig(t, c.config))
		code, err := p.Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if code != 1 || !strings.Contains(p.Log(), c.want) {
			t.Errorf("exit code %d, want 1 and %q in:\n%s", code, c.want, p.Log())
		}
	}
	labtest.FromRouter(t, l, 0, classifytest.PTB{}.Bytes())
	await(t, server, outcomeMetric("ipv4", "relayed"), 1)
}

// A dry run does everything but send.
func TestDryRunSendsNothing(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	server := l.Servers[0]
	p := labtest.StartRelay(t, server, "--dry-run")
	there := labtest.Tap(t, l.Servers[1], "eth0")
	for _, ptb := range ptbs(40003) {
		labtest.FromRouter(t, l, 0, ptb.Bytes())
		labtest.FromRouter(t, l, 0, ptb.Bytes())
		await(t, server, outcomeMetric(ptb.Family.String(), "dry-run"), 1)
		await(t, server, outcomeMetric(ptb.Family.String(), "duplicate"), 1)
	}
	if found := broadcasts(labtest.Fence(t, server, "eth0", there)); len(found) != 0 {
		t.Errorf("%d frames on the wire in a dry run", len(found))
	}
	checkLaws(t, server)
	labtest.Stop(t, p)
	if log := p.Log(); !strings.Contains(log, "would_relay=2") {
		t.Errorf("no summary of what would have been relayed in:\n%s", log)
	}
}

// An interface that goes down and comes back, or goes for good and is made
// anew, costs the copies of that time and no more.
func TestLinkFlap(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	server := l.Servers[0]
	// Copies leave by a second interface; PTBs keep coming in by the first.
	side := addSide(t, server)
	labtest.StartRelay(t, server, "--interface", "side0")
	port := uint16(41000)
	relay := func(outcome string) {
		t.Helper()
		port++
		before := metricsOf(t, server)[outcomeMetric("ipv4", outcome)]
		labtest.FromRouter(t, l, 0, classifytest.PTB{ClientPort: port}.Bytes())
		await(t, server, outcomeMetric("ipv4", outcome), before+1)
	}
	errorsOf := func() float64 { return metricsOf(t, server)[`ptbrelay_send_errors_total{transport="broadcast"}`] }

	relay("relayed")
	if n := errorsOf(); n != 0 {
		t.Fatalf("%v send errors with both interfaces up", n)
	}
	far, err := server.Handle().LinkByName("side1")
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range []struct {
		what  string
		cause func() error
	}{
		{"has no carrier", func() error { return server.Handle().LinkSetDown(far) }},
		{"is down", func() error { return server.Handle().LinkSetDown(side) }},
		{"is gone", func() error { return server.Handle().LinkDel(side) }},
	} {
		if err := fault.cause(); err != nil {
			t.Fatal(err)
		}
		// Frames that a link without carrier takes are lost until word of it
		// has come.
		labtest.Eventually(t, 5*time.Second, "a send error when one interface "+fault.what, func() error {
			before := errorsOf()
			relay("relayed") // eth0 takes it
			if errorsOf() == before {
				return errNotYet
			}
			return nil
		})
	}
	addSide(t, server)
	tap := labtest.Tap(t, server, "side1")
	labtest.Eventually(t, 5*time.Second, "a copy on the interface made anew", func() error {
		relay("relayed")
		if len(broadcasts(tap.Frames())) == 0 {
			return errNotYet
		}
		return nil
	})
	checkLaws(t, server)
}

// addSide makes a veth pair side0, side1 on a node, both up.
func addSide(t testing.TB, n *lab.Node) netlink.Link {
	t.Helper()
	pair := netlink.NewVeth(netlink.LinkAttrs{Name: "side0", MTU: 1500})
	pair.PeerName = "side1"
	if err := n.Handle().LinkAdd(pair); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"side0", "side1"} {
		link, err := n.Handle().LinkByName(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Handle().LinkSetUp(link); err != nil {
			t.Fatal(err)
		}
	}
	side, err := n.Handle().LinkByName("side0")
	if err != nil {
		t.Fatal(err)
	}
	return side
}

// Without an interface named, run names the candidates and exits 2.
func TestRunWithoutInterface(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 1})
	for _, args := range [][]string{{"run"}, {"run", "--interface", "nosuch"}, {"run", "--interface", "lo"}} {
		p := labtest.Start(t, l.Servers[0], args...)
		code, err := p.Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if code != 2 || !strings.Contains(p.Log(), "candidates here: eth0 (MTU 1500)") {
			t.Errorf("%v: exit code %d, want 2 and the candidates:\n%s", args, code, p.Log())
		}
	}
	nothingLeft(t, l.Servers[0])
}

// A VIP that this host gains or loses is relayed for, or not, at once: by the
// rules, which ask the FIB, and by the policy, which follows it.
func TestFollowsLocalAddresses(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	server := l.Servers[0]
	// The operator's table is wider than what is local.
	operatorsTable(t, server, rules.Config{Group: 33, Guard: 100000, VIPs: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	labtest.StartRelay(t, server, "--config", writeConfig(t, "rules: {manage: false}\n"))
	lo, err := server.Handle().LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	vip, err := netlink.ParseAddr("192.0.2.77/32")
	if err != nil {
		t.Fatal(err)
	}
	port := uint16(41000)
	until := func(metric string) {
		t.Helper()
		before := metricsOf(t, server)[metric]
		labtest.Eventually(t, 5*time.Second, metric+" rises", func() error {
			port++
			labtest.FromRouter(t, l, 0, classifytest.PTB{VIP: netip.MustParseAddr("192.0.2.77"), ClientPort: port}.Bytes())
			if metricsOf(t, server)[metric] == before {
				return errNotYet
			}
			return nil
		})
	}
	until(verdictMetric("ipv4", classify.ForeignVIP))
	if err := server.Handle().AddrAdd(lo, vip); err != nil {
		t.Fatal(err)
	}
	until(outcomeMetric("ipv4", "relayed"))
	if err := server.Handle().AddrDel(lo, vip); err != nil {
		t.Fatal(err)
	}
	until(verdictMetric("ipv4", classify.ForeignVIP))
	checkLaws(t, server)
}

// Reloads under a flood lose nothing: every PTB sent is accounted for.
func TestReloadUnderFlood(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	server := l.Servers[0]
	texts := []string{
		"vips: [192.0.2.0/24, 2001:db8:ffff::/64]\n",
		"relay: {dry_run: true, limits: {node: 10}}\nvips: [2001:db8:ffff::1]\n",
		"policy: {ports: [443, 80]}\nrules: {node_guard: 50000}\n",
	}
	path := writeConfig(t, texts[0])
	p := labtest.StartRelay(t, server, "--config", path)
	rain := startFlood(t, l, 0)
	for i := range 30 {
		writeFile(t, path, texts[i%len(texts)])
		reread(t, p)
	}
	accountedFor(t, l, rain.pour(0))
	checkLaws(t, server)
}

// accountedFor waits until every IPv6 PTB sent to the first server is accounted
// for.
func accountedFor(t *testing.T, l *lab.Lab, sent float64) {
	t.Helper()
	settle(t, l.Servers[0], func() float64 { return sent }, func() {
		labtest.FromRouter(t, l, 0, classifytest.PTB{Family: classify.IPv6}.Bytes())
		sent++
	})
}
