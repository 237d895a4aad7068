package integration

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// The README's way to install ptbrelay and to see that it works, done as it is written
// on three servers of one segment. What a package does has tests of its own.
func TestReadme(t *testing.T) {
	requireProgram(t, "curl")
	l := labtest.New(t, lab.Options{})
	n := &newcomer{
		rollout: &rollout{racks: &racks{Lab: l, t: t}, admin: newAdmin(t)},
		tap:     labtest.Tap(t, l.Servers[1], "eth0"),
	}
	n.install("")
	install := chapter(t, readmePage, "Install it")
	n.config = blocks(install, "yaml")[0]
	for _, block := range append(blocks(install, "console"), blocks(chapter(t, readmePage, "See that it works"), "console")...) {
		for line := range strings.Lines(block) {
			line, _, _ = strings.Cut(line, " #")
			n.do(strings.TrimSpace(line))
		}
	}
	if !n.good {
		t.Error("the README has no selftest")
	}
}

// newcomer is somebody who has the README.
type newcomer struct {
	*rollout
	tap    *lab.Tap
	config string
	report lab.Report // the downloads since it runs
	good   bool       // what selftest said
}

// do does a line of the README on the first server.
func (n *newcomer) do(line string) {
	n.t.Helper()
	switch program, rest, _ := strings.Cut(line, " "); {
	case line == "make packages", program == "scp", strings.HasPrefix(line, "ssh SERVER 'apt install "), strings.HasPrefix(line, "ssh -L "):
	case line == "ptbrelay run":
		n.prints(2, line, "eth0")
		for i := range n.Servers {
			n.write(i, n.config)
		}
	case line == "ptbrelay run --dry-run":
		n.dry(strings.Fields(rest))
	case line == "systemctl enable --now ptbrelay":
		n.start()
	case line == "ptbrelay selftest":
		n.prints(0, line, "\ngood\n")
		n.good = true
	case line == "ptbrelay check-config", line == "ptbrelay doctor":
		n.prints(0, line, "")
	case strings.HasSuffix(line, "/readyz"):
		n.prints(0, line, "capturing")
	case strings.Contains(line, "/metrics "):
		n.prints(0, line, `ptbrelay_outcomes_total{family="ipv6",outcome="relayed"}`)
	case program == "tcpdump":
		n.copied()
	case program == "ip":
		n.learned(strings.Fields(line))
	default:
		n.t.Fatalf("the README says %q, which this test does not know", line)
	}
}

// prints fails the test unless a line ends so, and prints this.
func (n *newcomer) prints(want int, line, part string) {
	n.t.Helper()
	if code, printed := n.admin.on(n.Servers[0], line, ""); code != want || !strings.Contains(printed, part) {
		n.t.Errorf("%s: exit code %d, want %d, and %q:\n%s", line, code, want, part, printed)
	}
}

// dry ends a dry run by Ctrl-C when it has begun.
func (n *newcomer) dry(args []string) {
	n.t.Helper()
	p := labtest.Start(n.t, n.Servers[0], args...)
	labtest.Eventually(n.t, 10*time.Second, "the dry run captures", func() error {
		if !strings.Contains(p.Log(), "msg=capturing") || !strings.Contains(p.Log(), "dry_run=true") {
			return fmt.Errorf("%w: %s", errNotYet, p.Log())
		}
		return nil
	})
	if err := p.Signal(syscall.SIGINT); err != nil {
		n.t.Fatal(err)
	}
	if code, printed := ended(n.t, p); code != 0 {
		n.t.Errorf("exit code %d:\n%s", code, printed)
	}
}

// start runs ptbrelay on all servers, and downloads that need it. The first server gets
// PTBs too: the router's hash may have chosen others for those of the downloads.
func (n *newcomer) start() {
	n.t.Helper()
	for i := range n.Servers {
		n.daemons = append(n.daemons, n.run(i))
	}
	n.report = labtest.Downloads(n.t, n.Lab, lab.Load{})
	allFinished(n.t, n.report)
	for _, ptb := range ptbs(44203) {
		labtest.FromRouter(n.t, n.Lab, 0, ptb.Bytes())
		await(n.t, n.Servers[0], outcomeMetric(ptb.Family.String(), "relayed"), 1)
	}
}

// copied fails the test unless another server got copies by broadcast.
func (n *newcomer) copied() {
	n.t.Helper()
	if frames := labtest.Fence(n.t, n.Servers[0], "eth0", n.tap); len(broadcasts(frames)) == 0 {
		n.t.Error("no copies came")
	}
}

// learned fails the test unless the server that owns a client's connection, and no other
// one, answers `ip route get CLIENT from VIP` by a path MTU that it has learned.
func (n *newcomer) learned(words []string) {
	n.t.Helper()
	client, vip := netip.MustParseAddr(words[3]), netip.MustParseAddr(words[5])
	owner := -1
	for _, x := range n.report.Results {
		if x.Flow.Client.Addr() == client {
			owner = x.Owner
		}
	}
	if owner < 0 {
		n.t.Fatalf("nobody has a connection of %v", client)
	}
	for i, s := range n.Servers {
		mtu, learned, err := s.PathMTU(vip, client)
		if err != nil {
			n.t.Fatal(err)
		}
		if learned != (i == owner) || learned && mtu != 1400 {
			n.t.Errorf("server %d, of %d which owns it: MTU %d, learned: %v", i, owner, mtu, learned)
		}
	}
}
