package integration

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// The page about racks, done as it is written: its key, its configuration, its commands
// in their order, on three servers with its addresses. The downloads heal with it, the
// change of keys refuses nothing, and copies arrive after it.
func TestAcrossRacksPage(t *testing.T) {
	guide := fileText(t, acrossPage)
	r := &across{rollout: &rollout{racks: watchRacks(t, lab.Options{Shape: lab.ShapeRouted}), admin: newAdmin(t)}}
	r.checkAddresses(guide)
	r.install(blocks(guide, "yaml")[0])
	fresh := strings.Replace(guide, chapter(t, acrossPage, fromBroadcast), "", 1) // of a group that runs already
	for _, block := range blocks(fresh, "console") {
		for line := range strings.Lines(block) {
			r.do(line)
		}
	}
	if want := blocks(guide, "text")[0]; shape(r.tested) != shape(want) {
		t.Errorf("the selftest printed\n%s\nwhich is not what the page shows:\n%s", r.tested, want)
	}
	if r.rotations != 3 {
		t.Errorf("the keys changed in %d steps, want 3", r.rotations)
	}
	r.relays(44202)
	for _, s := range r.Servers {
		for _, kind := range []string{"ptb", "probe", "receipt"} {
			if n := metricsOf(t, s)[datagramMetric(kind, "unauthenticated")]; n != 0 {
				t.Errorf("%s could not open %v datagrams of type %s", s.Name(), n, kind)
			}
		}
	}
}

// A dry run everywhere, then on all but one server, then nowhere: what the page says of
// that.
func TestAcrossRacksPageDryRun(t *testing.T) {
	config := blocks(fileText(t, acrossPage), "yaml")[0]
	dry := strings.Replace(config, "transport: udp\n", "transport: udp\n  dry_run: true\n", 1)
	r := &rollout{racks: watchRacks(t, lab.Options{Shape: lab.ShapeRouted, Clients: 1})}
	r.install(dry)
	r.place(labtest.Key(0) + "\n")
	r.startAll()
	if code, printed := r.command("selftest"); code != 1 || strings.Count(printed, "does not deliver: dry-run") != 2 {
		t.Errorf("exit code %d:\n%s", code, printed)
	}
	reload := func(server int) {
		r.write(server, config)
		reread(t, r.daemons[server])
	}
	reload(0)
	for _, ptb := range ptbs(44201) {
		family := ptb.Family.String()
		labtest.FromRouter(t, r.Lab, 0, ptb.Bytes())
		labtest.FromRouter(t, r.Lab, 1, ptb.Bytes())
		for _, other := range r.Servers[1:] {
			await(t, other, deliveryMetric(family, "dry-run"), 1)
		}
		await(t, r.Servers[0], outcomeMetric(family, "relayed"), 1)
		await(t, r.Servers[1], outcomeMetric(family, "dry-run"), 1)
		if n := sum(metricsOf(t, r.Servers[0]), "ptbrelay_deliveries_total"); n != 0 {
			t.Errorf("%v copies came from dry runs", n)
		}
	}
	reload(1)
	reload(2)
	if code, printed := r.command("selftest"); code != 0 {
		t.Errorf("exit code %d:\n%s", code, printed)
	}
}

// across is somebody who does what the page about racks says.
type across struct {
	*rollout
	tested    string // what the first selftest printed
	rotations int
}

// checkAddresses fails the test unless the lab has the page's addresses.
func (r *across) checkAddresses(guide string) {
	r.t.Helper()
	for i := range r.Servers {
		row := fmt.Sprintf("| %d | %v | ", i+1, r.ServerAddr(lab.IPv4, i))
		if !strings.Contains(guide, row) {
			r.t.Fatalf("no row %q on the page", row)
		}
	}
}

// do does a line of the page: as the admin where files are made, on all servers where
// they are copied or systemd is told something, else on the first.
func (r *across) do(line string) {
	r.t.Helper()
	line, _, _ = strings.Cut(line, " #")
	line = strings.TrimSpace(line)
	program, _, _ := strings.Cut(line, " ")
	args, ours := ptbrelayArgs(line)
	switch {
	case ours && args[0] == "genkey", program == "sed":
		r.admin.sh(line)
	case line == "scp -p key SERVER:/etc/ptbrelay/key":
		r.place(r.admin.read("key"))
	case line == "systemctl enable --now ptbrelay":
		r.startAll()
		r.heal()
	case line == "ssh SERVER systemctl reload ptbrelay":
		r.reloadAll()
	case ours && args[0] == "watch":
		if code, printed := r.watch(0); code != 0 {
			r.t.Errorf("watch: exit code %d:\n%s", code, printed)
		}
	case ours:
		r.obey(args...)
	case program != "curl" && line != "ssh SERVER chown ptbrelay: /etc/ptbrelay/key": // there is one user here
		r.t.Fatalf("the page says %q, which this test does not know", line)
	}
}

// obey runs a command that must succeed.
func (r *across) obey(args ...string) {
	r.t.Helper()
	code, printed := r.command(args...)
	if code != 0 {
		r.t.Errorf("%v: exit code %d:\n%s", args, code, printed)
	}
	if r.tested == "" && slices.Equal(args, []string{"selftest"}) {
		r.tested = printed
	}
}

// reloadAll reloads one server after the other. After each the group is of two minds
// about the keys, and all hear each other; after the last all say the same of them.
func (r *across) reloadAll() {
	r.t.Helper()
	said := make(map[string]bool)
	for i, p := range r.daemons {
		reread(r.t, p)
		r.obey("selftest")
		r.relays(uint16(45000 + 10*r.rotations + i))
		lines := regexp.MustCompile(`"keys in force" (keys=\d+ seals=\w+)`).FindAllStringSubmatch(p.Log(), -1)
		if len(lines) < 2+r.rotations {
			r.t.Errorf("server %d has said %d times which keys are in force", i+1, len(lines))
			continue
		}
		said[lines[len(lines)-1][1]] = true
	}
	if len(said) != 1 {
		r.t.Errorf("the servers say of their keys %v", said)
	}
	r.rotations++
}

// relays fails the test unless a PTB of each family that comes in at the first server is
// injected by all others.
func (r *across) relays(port uint16) {
	r.t.Helper()
	for _, ptb := range ptbs(port) {
		metric := deliveryMetric(ptb.Family.String(), "injected")
		var before []float64
		for _, other := range r.Servers[1:] {
			before = append(before, metricsOf(r.t, other)[metric])
		}
		labtest.FromRouter(r.t, r.Lab, 0, ptb.Bytes())
		for i, other := range r.Servers[1:] {
			await(r.t, other, metric, before[i]+1)
		}
	}
}

// ptbrelayArgs are the arguments of a line of shell that runs ptbrelay first.
func ptbrelayArgs(line string) (args []string, ok bool) {
	if !strings.HasPrefix(line, "ptbrelay ") {
		return nil, false
	}
	return ptbrelayCommands(line)[0], true
}

// shape is a text without what differs from run to run.
func shape(text string) string {
	text = regexp.MustCompile(`[+-]?[0-9]+\.[0-9]+ ms`).ReplaceAllString(text, "N ms")
	return regexp.MustCompile(` +`).ReplaceAllString(strings.TrimSpace(text), " ")
}
