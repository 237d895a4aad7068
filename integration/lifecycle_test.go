package integration

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
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
