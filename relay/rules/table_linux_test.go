package rules

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// What we install and what nft makes of our text list the same, in every shape
// and after every change of shape.
func TestListsTheSame(t *testing.T) {
	for name, c := range configs {
		t.Run(name, func(t *testing.T) {
			loaded := labtest.Node(t, "loaded")
			tool(t, loaded, NFTables(c), "nft", "-f", "-")
			tool(t, loaded, NFTables(c), "nft", "-f", "-") // twice leaves one
			want := tool(t, loaded, "", "nft", "list", "table", "inet", c.name())

			installed := labtest.Node(t, "installed")
			table := install(t, installed, c)
			if got := unowned(tool(t, installed, "", "nft", "list", "table", "inet", c.name())); got != want {
				t.Errorf("installed:\n%s\nloaded from text:\n%s", got, want)
			}
			for _, other := range configs {
				if err := table.Update(other); err != nil {
					t.Fatal(err)
				}
			}
			if err := table.Update(c); err != nil {
				t.Fatal(err)
			}
			if got := unowned(tool(t, installed, "", "nft", "list", "table", "inet", c.name())); got != want {
				t.Errorf("after updates:\n%s\nloaded from text:\n%s", got, want)
			}
		})
	}
}

// unowned takes out of a listing what the owner flag adds.
func unowned(listing string) string {
	first, rest, _ := strings.Cut(listing, "\n")
	first, _, _ = strings.Cut(first, " # progname")
	return first + "\n" + strings.Replace(rest, "\tflags owner\n\n", "", 1)
}

// The owner flag keeps others out and goes with the socket.
func TestOwner(t *testing.T) {
	n := labtest.Node(t, "host")
	table := install(t, n, configs["local"])
	on(t, n, func() error {
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		conn.FlushTable(&nftables.Table{Name: Name, Family: nftables.TableFamilyINet})
		if err := conn.Flush(); !errors.Is(err, unix.EPERM) {
			return fmt.Errorf("another process may empty the table: %w", err)
		}
		_, err = Install(configs["local"], quiet)
		if !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "another ptbrelay") {
			return fmt.Errorf("a second install says: %w", err)
		}
		return nil
	})
	if got := ruleset(t, n); got["ptb"] != 6 || got["prerouting"] != 2 {
		t.Errorf("rules by chain: %v", got)
	}
	if err := table.conn.CloseLasting(); err != nil { // as when the process dies
		t.Fatal(err)
	}
	if got := ruleset(t, n); got != nil {
		t.Errorf("the table outlived its socket: %v", got)
	}
}

// A table of our name that nobody owns is what a killed daemon left on an old
// kernel: it is replaced.
func TestReplacesLeftover(t *testing.T) {
	n := labtest.Node(t, "host")
	on(t, n, func() error {
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		left := conn.AddTable(&nftables.Table{Name: Name, Family: nftables.TableFamilyINet})
		conn.AddChain(&nftables.Chain{Name: "ptb", Table: left})
		conn.AddChain(&nftables.Chain{Name: "else", Table: left})
		return conn.Flush()
	})
	install(t, n, configs["vips"])
	if got := ruleset(t, n); len(got) != 2 || got["ptb"] != 7 {
		t.Errorf("rules by chain: %v", got)
	}
}

// A table without owner is put back within a second whatever was done to it,
// and other tables are left alone.
func TestPutBackWithoutOwner(t *testing.T) {
	n, table := here{}, runWithoutOwner(t)
	want := ruleset(t, n)
	inet := &nftables.Table{Name: Name, Family: nftables.TableFamilyINet}
	for i, fault := range []func(*nftables.Conn){
		func(c *nftables.Conn) { c.FlushRuleset() },
		func(c *nftables.Conn) { c.FlushTable(inet) },
		func(c *nftables.Conn) { c.DelTable(inet) },
		func(c *nftables.Conn) { c.FlushSet(&nftables.Set{Name: "vips4", Table: inet}) },
		func(c *nftables.Conn) {
			chain := &nftables.Chain{Name: "ptb", Table: inet}
			c.FlushChain(chain) // and as many rules as before, but others
			for range want["ptb"] {
				c.AddRule(&nftables.Rule{Table: inet, Chain: chain, Exprs: []expr.Any{&expr.Counter{}}})
			}
		},
		func(c *nftables.Conn) { c.FlushChain(&nftables.Chain{Name: "prerouting", Table: inet}) },
	} {
		on(t, n, func() error {
			conn, err := nftables.New()
			if err != nil {
				return err
			}
			fault(conn)
			return conn.Flush()
		})
		labtest.Eventually(t, time.Second, fmt.Sprintf("the table is back after fault %d", i), func() error {
			if got := table.Stats().Reinstalled; got != uint64(i+1) {
				return fmt.Errorf("put back %d times", got)
			}
			if got := ruleset(t, n); fmt.Sprint(got) != fmt.Sprint(want) {
				return fmt.Errorf("rules by chain: %v, want %v", got, want)
			}
			return nil
		})
	}
	if err := table.Update(configs["local"]); err != nil {
		t.Fatal(err)
	}
	labtest.Quiet(t, 300*time.Millisecond, "our own update is not taken for a fault", func() error {
		if got := table.Stats().Reinstalled; got != 6 {
			return fmt.Errorf("put back %d times", got)
		}
		return nil
	})
}

// runWithoutOwner keeps a table in place [here] as on a kernel that knows no owner.
func runWithoutOwner(t *testing.T) *Table {
	t.Helper()
	labtest.Require(t)
	table := &Table{config: configs["vips"], log: quiet}
	var err error
	if table.conn, err = table.build(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- table.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-ended, table.Close()); err != nil {
			t.Error(err)
		}
		if got := ruleset(t, here{}); got != nil {
			t.Errorf("left behind: %v", got)
		}
	})
	return table
}

// A table that somebody else has replaced by one of their own comes back as soon as
// they let go of the name.
func TestPutBackAfterAnotherOwner(t *testing.T) {
	table := runWithoutOwner(t)
	want := ruleset(t, here{})
	other := install(t, here{}, configs["local"])
	labtest.Eventually(t, time.Second, "it cannot be put back", func() error {
		table.mu.Lock()
		defer table.mu.Unlock()
		if table.conn != nil {
			return errors.New("nobody has tried")
		}
		return nil
	})
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	labtest.Eventually(t, time.Second, "the table is back", func() error {
		if got := ruleset(t, here{}); fmt.Sprint(got) != fmt.Sprint(want) || table.Stats().Reinstalled != 1 {
			return fmt.Errorf("rules by chain: %v, want %v; %+v", got, want, table.Stats())
		}
		return nil
	})
}

// An update that fails leaves the table as it was, not half of each.
func TestFailedUpdate(t *testing.T) {
	for _, owned := range []bool{true, false} {
		labtest.Require(t)
		table := &Table{config: configs["vips"], log: quiet, owned: owned}
		var err error
		if table.conn, err = table.build(); err != nil {
			t.Fatal(err)
		}
		want := ruleset(t, here{})
		// An address twice is what split never lets through: the kernel refuses
		// it when the rules stand without sets already.
		twice := prefixes("192.0.2.0/24")[0]
		broken := []set{{name: "vips4", prefixes: []netip.Prefix{twice, netip.PrefixFrom(twice.Addr(), 25)}}}
		f, old := table.filler(table.conn), newPlan(table.config)
		if err := f.setChains(old.chains, chains(table.config, nil)); err != nil {
			t.Fatal(err)
		}
		if err := f.replaceSets(old.sets, broken); err == nil {
			t.Fatal("the kernel took overlapping elements")
		}
		if err := table.rebuild(); err != nil {
			t.Fatal(err)
		}
		if got := ruleset(t, here{}); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("rules by chain: %v, want %v", got, want)
		}
		if err := table.Update(configs["local"]); err != nil {
			t.Errorf("the next update: %v", err)
		}
		if err := table.Close(); err != nil {
			t.Error(err)
		}
		if got := ruleset(t, here{}); got != nil {
			t.Errorf("left behind: %v", got)
		}
	}
}

// A table that an update has lost and nobody can make anew ends Run: a daemon
// without a table must not go on as if it captured.
func TestLostTableEndsRun(t *testing.T) {
	labtest.Require(t)
	table, err := Install(configs["local"], quiet)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- table.Run(t.Context()) }()
	// Its connection fails, and another owner has taken the name meanwhile.
	if err := table.conn.CloseLasting(); err != nil {
		t.Fatal(err)
	}
	other := install(t, here{}, configs["vips"])
	if err := table.Update(configs["ipv4 only"]); !errors.Is(err, unix.EPERM) {
		t.Errorf("the update says %v", err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, unix.EPERM) {
			t.Errorf("Run ended with %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Run goes on without a table")
	}
	if got := ruleset(t, here{}); got["ptb"] != 7 || other.conn == nil {
		t.Errorf("the other owner's table: %v", got)
	}
}

// More prefixes than fit one netlink message or one send.
func TestManyVIPs(t *testing.T) {
	n := labtest.Node(t, "host")
	c := Config{Group: 33, Guard: 100000}
	for i := range 10000 {
		c.VIPs = append(c.VIPs, netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18, byte(i >> 7), byte(i << 1)}), 32))
	}
	install(t, n, c)
	on(t, n, func() error {
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		set, err := conn.GetSetByName(&nftables.Table{Name: Name, Family: nftables.TableFamilyINet}, "vips4")
		if err != nil {
			return err
		}
		elements, err := conn.GetSetElements(set)
		if err == nil && len(elements) < 20000 { // start and end of each
			err = fmt.Errorf("%d elements", len(elements))
		}
		return err
	})
}

// Two tables with names of their own stand beside each other, each with its
// groups and its count, and go by themselves.
func TestTablesBesideEachOther(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	server := l.Servers[0]
	sender := labtest.Sender(t, l.Router, l.RouterInterface(0))
	daemons := install(t, server, Config{Group: 33, Guard: 100000})
	audits := install(t, server, Config{Table: "ptbrelay-audit", Group: 40, Guard: 1, MSS: true})
	ptbs, auditPTBs, auditSYNs := hear(t, server, 33), hear(t, server, 40), hear(t, server, 41)

	const n = 20
	var stream [][]byte
	for range n {
		stream = append(stream, labtest.FrameTo(t, l, 0, classifytest.PTB{}.Bytes()))
	}
	stream = append(stream, frames(t, l, classify.IPv4, []segment{{}})...)
	if err := sender.Send(stream); err != nil {
		t.Fatal(err)
	}
	ptbs.await(t, n)
	auditSYNs.await(t, 1)
	guarded := func() (daemon, audit Stats) { return daemons.Stats(), audits.Stats() }
	labtest.Eventually(t, 5*time.Second, "the audit's PTBs are logged or guarded", func() error {
		if _, audit := guarded(); len(auditPTBs.all())+int(audit.Guarded) != n {
			return fmt.Errorf("%d and %+v", len(auditPTBs.all()), audit)
		}
		return nil
	})
	daemon, audit := guarded()
	if daemon.Guarded != 0 || audit.Guarded == 0 {
		t.Errorf("the daemon's guard counts %d, the audit's %d", daemon.Guarded, audit.Guarded)
	}

	// Either may change or go without the other.
	if err := audits.Update(Config{Group: 40, Guard: 100000, VIPs: prefixes("192.0.2.1/32")}); err != nil {
		t.Fatal(err)
	}
	if got := rulesOf(t, server, "ptbrelay-audit"); got["ptb"] != 7 || len(got) != 2 {
		t.Errorf("after an update: %v", got)
	}
	if err := daemons.Close(); err != nil {
		t.Fatal(err)
	}
	if got := ruleset(t, server); got != nil {
		t.Errorf("left behind: %v", got)
	}
	if got := rulesOf(t, server, "ptbrelay-audit"); len(got) != 2 {
		t.Errorf("the audit's table went with the daemon's: %v", got)
	}
}

// The sample is switched on and off by an update.
func TestSampleOnAndOff(t *testing.T) {
	n := labtest.Node(t, "host")
	without := configs["vips"]
	with := without
	with.MSS = true
	table := install(t, n, without)
	for range 2 {
		for _, c := range []Config{with, without} {
			if err := table.Update(c); err != nil {
				t.Fatal(err)
			}
			want := map[string]int{"prerouting": 2, "ptb": 7}
			if c.MSS {
				want = map[string]int{"prerouting": 3, "ptb": 7, "syn": 5}
			}
			if got := ruleset(t, n); !maps.Equal(got, want) {
				t.Errorf("with MSS %v the rules by chain are %v, want %v", c.MSS, got, want)
			}
		}
	}
}
