package integration

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/nftables"

	"ptbrelay/audit"
	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/config"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/capture"
)

// rulesOf are the handles of the rules of a table, which no rule gets twice.
func rulesOf(t testing.TB, n *lab.Node, table string) (handles []string) {
	t.Helper()
	err := n.Do(func() error {
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		chains, err := conn.ListChains()
		for _, c := range chains {
			if c.Table.Name != table || err != nil {
				continue
			}
			var rules []*nftables.Rule
			rules, err = conn.GetRules(c.Table, c)
			for _, r := range rules {
				handles = append(handles, fmt.Sprint(c.Name, " ", r.Handle))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(handles) == 0 {
		t.Fatalf("%s: no rules in table %s", n.Name(), table)
	}
	return handles
}

// boundGroups are the NFLOG groups that somebody has.
func boundGroups(t testing.TB, n *lab.Node) (numbers []string) {
	t.Helper()
	for line := range strings.Lines(groups(t, n)) {
		numbers = append(numbers, strings.Fields(line)[0])
	}
	slices.Sort(numbers)
	return numbers
}

// The audit beside the daemons: it counts what comes in, exactly, and the host as
// it is; nobody notices it, and in the end it is gone.
func TestAuditLive(t *testing.T) {
	l, _ := startGroup(t, config.TransportBroadcast, lab.Options{Clients: 32})
	server := l.Servers[0]
	tagRoutes(t, l, server)
	w := newWitness(t, l, 0)
	before := rulesOf(t, server, "ptbrelay")
	begin := countersOf(t, server)
	begun := time.Now()
	a := startAudit(t, server, "--for", "4s", "--format", "json").observing()
	if found := tables(t, server); len(found) != 2 {
		t.Errorf("the tables are %v", found)
	}

	r := labtest.Downloads(t, l, lab.Load{})
	allFinished(t, r)
	w.opened(r)
	w.send(16)
	startAudit(t, server, "--for", "5s").refuses("ptbrelay-audit")

	a.exits(0)
	took := time.Since(begun)
	got := a.report()
	if got.Source != audit.Live || got.Ended != "" || got.Seconds < 4 || got.Begun.Before(begun) {
		t.Errorf("source %s, ended %q, %v s from %v on", got.Source, got.Ended, got.Seconds, got.Begun)
	}
	w.check(got)
	checkOffered(t, got)
	checkHost(t, server, got.Host)
	checkCounters(t, got, begin, countersOf(t, server), took)
	if said := a.stderr.String(); !strings.Contains(said, "\n1s of 4s: ") || !strings.Contains(said, "\n3s of 4s: ") || strings.Count(said, "\n") > 5 {
		t.Errorf("its progress is\n%s", said)
	}

	if found := tables(t, server); !slices.Equal(found, []string{"ptbrelay"}) {
		t.Errorf("afterwards the tables are %v", found)
	}
	if bound := boundGroups(t, server); !slices.Equal(bound, []string{"33"}) {
		t.Errorf("afterwards NFLOG groups %v are bound", bound)
	}
	if diff := cmp.Diff(before, rulesOf(t, server, "ptbrelay")); diff != "" {
		t.Errorf("the daemon's table was changed:\n%s", diff)
	}
	for _, s := range l.Servers {
		checkLaws(t, s)
	}
}

// Asked to end, the audit reports what it has seen. There is no daemon: connections
// hang, and what they provoke is counted.
func TestAuditInterrupted(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		l := labtest.New(t, lab.Options{Clients: 16, Servers: 2})
		server := l.Servers[0]
		w := newWitness(t, l, 0)
		a := startAudit(t, server, "--for", "1h", "--format", "json").observing()
		w.opened(labtest.Downloads(t, l, lab.Load{Timeout: 500 * time.Millisecond}))
		w.send(4)
		got := w.ends(a, s)
		checkOffered(t, got)
		if !strings.HasPrefix(got.Ended, "interrupted after ") || !strings.HasSuffix(got.Ended, " of 1h0m0s") || got.Host == nil {
			t.Errorf("ended %q, host %v", got.Ended, got.Host)
		}
		nothingLeft(t, server)
	}
}

// ends has an audit end when all that was sent has arrived, and compares its report.
func (w *witness) ends(a *auditing, by syscall.Signal) *audit.Report {
	w.t.Helper()
	w.arrived()
	a.signal(by)
	r := a.exits(0).report()
	w.check(r)
	return r
}

// Killed, the audit leaves nothing, and the next one observes.
func TestAuditKilled(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 1})
	server := l.Servers[0]
	for range 3 {
		a := startAudit(t, server, "--for", "1h").observing()
		a.signal(syscall.SIGKILL)
		a.exits(-1)
		if a.stdout.String() != "" {
			t.Errorf("it printed\n%s", &a.stdout)
		}
		nothingLeft(t, server)
	}
	w := newWitness(t, l, 0)
	a := startAudit(t, server, "--for", "1h", "--format", "json").observing()
	w.send(2)
	w.ends(a, syscall.SIGINT)
}

// Where groups are taken the audit finds others, and it leaves those alone.
func TestAuditGroupsTaken(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 1})
	server := l.Servers[0]
	w := newWitness(t, l, 0)
	taken := []uint16{35, 38} // one of a pair is enough
	for _, group := range taken {
		takeGroup(t, server, group)
	}
	a := startAudit(t, server, "--for", "1h", "--format", "json").observing()
	a.says("groups 39 and 40")
	if bound := boundGroups(t, server); !slices.Equal(bound, []string{"35", "38", "39", "40"}) {
		t.Errorf("NFLOG groups %v are bound", bound)
	}
	w.send(3)
	w.sendSYN(classifytest.SYN{})
	w.sendSYN(classifytest.SYN{Family: classify.IPv6})
	w.ends(a, syscall.SIGINT)
	if bound := boundGroups(t, server); !slices.Equal(bound, []string{"35", "38"}) {
		t.Errorf("afterwards NFLOG groups %v are bound", bound)
	}
	for group := uint16(36); group < 67; group++ {
		if group != 38 {
			takeGroup(t, server, group)
		}
	}
	startAudit(t, server, "--for", "1s").refuses("nflog group 65")
}

// takeGroup binds a group until the test ends.
func takeGroup(t testing.TB, n *lab.Node, group uint16) {
	t.Helper()
	err := n.Do(func() error {
		source, err := capture.OpenNFLOG(capture.NFLOGConfig{Group: group, Buffer: 1 << 16})
		if err == nil {
			t.Cleanup(func() { _ = source.Close() })
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Without capabilities the audit says which it lacks, changes nothing, and reads
// files all the same.
func TestAuditWithoutCapabilities(t *testing.T) {
	n := labtest.Node(t, "host")
	startAuditWith(t, n, nil, withoutCapabilities, "--for", "1s").refuses("CAP_NET_ADMIN")
	nothingLeft(t, n)
	path := saved(t, pcapOf(t, [][]byte{ethernet(classifytest.PTB{}.Bytes())}))
	r := startAuditWith(t, n, nil, withoutCapabilities, "--pcap", path, "--format", "json").exits(0).report()
	if r.Messages.Verdicts["ipv4"]["eligible"] != 1 {
		t.Errorf("%+v", r.Messages)
	}
}

// VIPs and ports of the configuration narrow the live audit as they do the daemon.
func TestAuditLiveNarrowed(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 1})
	server := l.Servers[0]
	w := newWitness(t, l, 0)
	a := startAudit(t, server, "-c", writeConfig(t, strict), "--for", "1h", "--format", "json").observing()
	w.send(3)
	w.sendSYN(classifytest.SYN{})
	for _, other := range []classifytest.SYN{
		{ServerPort: 80}, {Server: l.ServerAddr(lab.IPv4, 0)},
		{Family: classify.IPv6, ServerPort: 8443}, {Family: classify.IPv6, Server: l.ServerAddr(lab.IPv6, 0)},
	} {
		labtest.FromRouter(t, l, 0, other.Bytes())
	}
	w.ends(a, syscall.SIGINT)
}
