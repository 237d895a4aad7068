package integration

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"ptbrelay/audit"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/control"
)

// untried is a server on which ptbrelay has not relayed yet, as the page's reader has
// it.
type untried struct {
	t      *testing.T
	lab    *lab.Lab
	server *lab.Node
	tap    *lab.Tap
	dir    string // of the reader's files
	daemon string // the configuration that the daemon gets
}

// newUntried makes one that has a forgotten MTU on a default route, filters
// strictly, and drops what copies by broadcast are.
func newUntried(t *testing.T, daemon string) *untried {
	t.Helper()
	l := labtest.New(t, lab.Options{Servers: 1, RPFilter: 1})
	u := &untried{t: t, lab: l, server: l.Servers[0], tap: labtest.Tap(t, l.Servers[0], "eth0"), dir: t.TempDir(), daemon: daemon}
	if err := u.server.SetSysctl("net/ipv4/conf/eth0/drop_unicast_in_l2_multicast", "1"); err != nil {
		t.Fatal(err)
	}
	u.tagDefaultRoute(1280)
	for _, f := range lab.Families() {
		labtest.ConnectUDP(t, u.server, u.learns(f))
	}
	u.configure("")
	return u
}

// tagDefaultRoute gives the IPv6 default route an MTU, in bytes.
func (u *untried) tagDefaultRoute(mtu int) {
	u.t.Helper()
	routes, err := u.server.Handle().RouteListFiltered(netlink.FAMILY_V6, &netlink.Route{Dst: nil}, netlink.RT_FILTER_DST)
	if err != nil || len(routes) != 1 {
		u.t.Fatalf("%d default routes: %v", len(routes), err)
	}
	routes[0].MTU = mtu
	if err := u.server.Handle().RouteReplace(&routes[0]); err != nil {
		u.t.Fatal(err)
	}
}

// learns is a flow of the server whose path MTU the kernel is to learn.
func (u *untried) learns(f lab.Family) lab.Flow {
	const dns = 53
	return lab.Flow{VIP: netip.AddrPortFrom(u.lab.VIP(f), dns), Client: netip.AddrPortFrom(u.lab.ClientAddr(f, 0), 50000)}
}

func (u *untried) file(name string) string { return filepath.Join(u.dir, name) }

func (u *untried) configure(yaml string) {
	u.t.Helper()
	writeFile(u.t, u.file("config.yaml"), yaml)
}

// do does a line of the page's and returns what it printed.
func (u *untried) do(line string) (printed string) {
	u.t.Helper()
	args, ours := ptbrelayArgs(line)
	switch {
	case strings.HasPrefix(line, "tcpdump ") && strings.Contains(line, " -w edge.pcap "):
		writeFile(u.t, u.file("edge.pcap"), pcapOf(u.t, edgeTraffic().order()))
	case !ours:
		u.t.Fatalf("the page says %q, which this test does not know", line)
	case args[0] == "run":
		u.run(args)
	case slices.Contains(args, "--for"):
		return u.observe(args)
	default:
		return u.ask(args)
	}
	return ""
}

// ask runs a command that ends by itself. The doctor finds an error.
func (u *untried) ask(args []string) (printed string) {
	u.t.Helper()
	want := 0
	if args[0] == "doctor" {
		want = 1
	}
	code, printed := command(u.t, u.server, u.here(args)...)
	if code != want {
		u.t.Errorf("%v: exit code %d, want %d", args, code, want)
	}
	return printed
}

// here are arguments with the reader's configuration and files.
func (u *untried) here(args []string) []string {
	here := []string{args[0], "--config", u.file("config.yaml")}
	for _, arg := range args[1:] {
		if arg == "edge.pcap" {
			arg = u.file(arg)
		}
		here = append(here, strings.TrimPrefix(arg, "integration/"))
	}
	return here
}

// observe ends a live audit by Ctrl-C when all has come.
func (u *untried) observe(args []string) (printed string) {
	u.t.Helper()
	p := labtest.Start(u.t, u.server, u.here(args)...)
	labtest.Eventually(u.t, 10*time.Second, "the audit observes", func() error {
		if !strings.Contains(p.Log(), "observing") {
			return errNotYet
		}
		return nil
	})
	u.receive()
	if err := p.Signal(syscall.SIGINT); err != nil {
		u.t.Fatal(err)
	}
	code, printed := ended(u.t, p)
	if code != 0 {
		u.t.Errorf("%v: exit code %d", args, code)
	}
	return printed
}

// run starts the daemon and returns when it has observed what came in.
func (u *untried) run(args []string) {
	u.t.Helper()
	u.configure(u.daemon)
	p := labtest.Start(u.t, u.server, u.here(args)...)
	labtest.Eventually(u.t, 10*time.Second, "the daemon captures", func() error {
		_, err := labtest.TryMetrics(u.t.Context(), u.server, labtest.MetricsURL)
		if err != nil {
			err = fmt.Errorf("%w: %s", err, p.Log())
		}
		return err
	})
	ptbs, syns := u.receive()
	labtest.Eventually(u.t, 5*time.Second, "the daemon has observed all", func() error {
		gotPTBs, gotSYNs, err := u.observed()
		if err == nil && (gotPTBs != ptbs || gotSYNs != syns) {
			err = fmt.Errorf("%d PTBs of %d, %d SYNs of %d", gotPTBs, ptbs, gotSYNs, syns)
		}
		return err
	})
}

// observed is what the daemon's audit has counted.
func (u *untried) observed() (ptbs, syns int, err error) {
	s, err := tryAsk(u.t.Context(), u.server, control.Client.Snapshot)
	if err != nil {
		return 0, 0, err
	}
	var r audit.Report
	err = json.Unmarshal(s.Audit, &r)
	for _, verdicts := range r.Messages.Verdicts {
		for _, n := range verdicts {
			ptbs += int(n)
		}
	}
	for _, n := range r.Messages.SYNs {
		syns += int(n)
	}
	return ptbs, syns, err
}

// exports fails the test unless the daemon exports a metric of that name.
func (u *untried) exports(name string) {
	u.t.Helper()
	labtest.Eventually(u.t, 5*time.Second, "the daemon exports "+name, func() error {
		metrics, err := labtest.TryMetrics(u.t.Context(), u.server, labtest.MetricsURL)
		for key := range metrics {
			if strings.HasPrefix(key, name) {
				return nil
			}
		}
		return cmp.Or(err, errNotYet)
	})
}

// receive has the server get SYNs and PTBs, and returns how many when the kernel
// has had them all.
func (u *untried) receive() (ptbs, syns int) {
	u.t.Helper()
	toward := u.lab.RouterInterface(0)
	var frames [][]byte
	for _, family := range arriving {
		for _, packet := range family.ptbs(u.learns(family.lab)) {
			frames = append(frames, labtest.FrameTo(u.t, u.lab, 0, packet))
			ptbs++
		}
		for i, packet := range family.syns(u.lab) {
			frame := labtest.FrameTo(u.t, u.lab, 0, packet)
			if i%4 == 3 {
				copy(frame[6:], neighbour(1))
			}
			frames = append(frames, frame)
			syns++
		}
	}
	err := labtest.Sender(u.t, u.lab.Router, toward).Send(frames)
	if err != nil {
		u.t.Fatal(err)
	}
	labtest.Fence(u.t, u.lab.Router, toward, u.tap)
	return ptbs, syns
}
