package integration

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// The README's example across racks, done as it is written: its key, its
// configuration, its commands in their order, on three servers with its addresses.
// The downloads heal with it, and copies arrive after the change of keys.
func TestReadmeAcrossRacks(t *testing.T) {
	guide := section(t, "Across racks")
	r := &rollout{racks: watchRacks(t, lab.Options{Shape: lab.ShapeRouted}), admin: newAdmin(t)}
	r.checkAddresses(guide)
	r.configure(blocks(guide, "yaml")[0])
	for _, block := range blocks(guide, "console") {
		for line := range strings.Lines(block) {
			r.do(line)
		}
	}
	if want := blocks(guide, "text")[0]; shape(r.tested) != shape(want) {
		t.Errorf("the selftest printed\n%s\nwhich is not what the README shows:\n%s", r.tested, want)
	}
	if r.rotations != 3 {
		t.Errorf("the keys changed in %d steps, want 3", r.rotations)
	}
	for _, ptb := range ptbs(44202) {
		labtest.FromRouter(t, r.Lab, 0, ptb.Bytes())
		for _, other := range r.Servers[1:] {
			await(t, other, deliveryMetric(ptb.Family.String(), "injected"), 1)
		}
	}
}

// A dry run everywhere, then on all but one server, then nowhere: what the README
// says of that.
func TestReadmeDryRun(t *testing.T) {
	config := blocks(section(t, "Across racks"), "yaml")[0]
	dry := strings.Replace(config, "transport: udp\n", "transport: udp\n  dry_run: true\n", 1)
	r := &rollout{racks: watchRacks(t, lab.Options{Shape: lab.ShapeRouted, Clients: 1})}
	r.configure(dry)
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

// section is a part of the README, by its heading.
func section(t *testing.T, heading string) string {
	t.Helper()
	return chapter(t, readmePage, heading)
}

// shape is a text without what differs from run to run.
func shape(text string) string {
	text = regexp.MustCompile(`[+-]?[0-9]+\.[0-9]+ ms`).ReplaceAllString(text, "N ms")
	return regexp.MustCompile(` +`).ReplaceAllString(strings.TrimSpace(text), " ")
}

// rollout is the lab's servers, as the README's reader has them.
type rollout struct {
	*racks
	admin     *admin
	configs   []string // by server: its file
	daemons   []*lab.Process
	tested    string // what the first selftest printed
	rotations int
}

// credential is where systemd puts the key of the README's unit.
const credential = "/run/credentials/ptbrelay.service/key"

// checkAddresses fails the test unless the lab has the README's addresses.
func (r *rollout) checkAddresses(guide string) {
	r.t.Helper()
	for i := range r.Servers {
		row := fmt.Sprintf("| %d | %v | ", i+1, r.ServerAddr(lab.IPv4, i))
		if !strings.Contains(guide, row) {
			r.t.Fatalf("no row %q in the README", row)
		}
	}
}

// configure gives every server the same configuration.
func (r *rollout) configure(text string) {
	r.t.Helper()
	for i := range r.Servers {
		r.configs = append(r.configs, filepath.Join(r.t.TempDir(), "config.yaml"))
		r.write(i, text)
	}
}

func (r *rollout) write(server int, config string) {
	r.t.Helper()
	writeFile(r.t, r.configs[server], config)
}

// place does what systemd does with a credential, on every server.
func (r *rollout) place(keys string) {
	r.t.Helper()
	for _, s := range r.Servers {
		err := s.Do(func() error { return os.MkdirAll(filepath.Dir(credential), 0o700) })
		if err == nil {
			err = s.WriteFile(credential, []byte(keys), 0o600)
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *rollout) startAll() {
	r.t.Helper()
	for i := range r.Servers {
		r.daemons = append(r.daemons, r.run(i))
	}
	labtest.AwaitPeers(r.t, r.Lab)
}

// run starts the unit of a server and returns when it captures.
func (r *rollout) run(server int) *lab.Process {
	r.t.Helper()
	node := r.Servers[server]
	p := labtest.Start(r.t, node, "run", "--config", r.configs[server])
	labtest.Eventually(r.t, 10*time.Second, "ptbrelay captures on "+node.Name(), func() error {
		if _, err := labtest.TryMetrics(r.t.Context(), node, labtest.MetricsURL); err != nil {
			return fmt.Errorf("%w: %s", err, p.Log())
		}
		if status, body := labtest.Get(r.t, node, labtest.ReadyURL); status != http.StatusOK {
			return fmt.Errorf("%d: %s", status, body)
		}
		return nil
	})
	return p
}

// command runs a command of ptbrelay on the first server.
func (r *rollout) command(args ...string) (code int, printed string) {
	r.t.Helper()
	return command(r.t, r.Servers[0], append(args, "--config", r.configs[0])...)
}

// do does a line of the README's: as the admin where files are made, on all
// servers where they are copied or the unit is told something, else on the first.
func (r *rollout) do(line string) {
	r.t.Helper()
	line, _, _ = strings.Cut(line, " #")
	line = strings.TrimSpace(line)
	words := strings.Fields(line)
	args, ours := ptbrelayArgs(line)
	switch {
	case ours && args[0] == "genkey", words[0] == "sed":
		r.admin.sh(line)
	case line == "scp -p key SERVER:/etc/ptbrelay/key":
		r.place(r.admin.read("key"))
	case line == "systemctl enable --now ptbrelay":
		r.startAll()
		r.heal()
	case line == "systemctl restart ptbrelay":
		r.restartAll()
	case ours && args[0] == "watch":
		if code, printed := r.watch(0); code != 0 {
			r.t.Errorf("watch: exit code %d:\n%s", code, printed)
		}
	case ours:
		r.obey(args...)
	case !slices.Contains([]string{"curl", "systemctl", "ssh"}, words[0]):
		r.t.Fatalf("the README says %q, which this test does not know", line)
	}
}

// obey runs a command that must succeed.
func (r *rollout) obey(args ...string) {
	r.t.Helper()
	code, printed := r.command(args...)
	if code != 0 {
		r.t.Errorf("%v: exit code %d:\n%s", args, code, printed)
	}
	if r.tested == "" && slices.Equal(args, []string{"selftest"}) {
		r.tested = printed
	}
}

// watch ends a stream of messages by Ctrl-C when it has begun.
func (r *rollout) watch(server int, flags ...string) (code int, printed string) {
	r.t.Helper()
	p := labtest.Start(r.t, r.Servers[server], append([]string{"watch", "--config", r.configs[server]}, flags...)...)
	labtest.Eventually(r.t, 5*time.Second, "watch has begun", func() error {
		if !strings.Contains(p.Log(), "became") {
			return errNotYet
		}
		return nil
	})
	if err := p.Signal(syscall.SIGINT); err != nil {
		r.t.Fatal(err)
	}
	return ended(r.t, p)
}

// restartAll restarts one server after the other. After each the group is of two
// minds about the keys, and all hear each other.
func (r *rollout) restartAll() {
	r.t.Helper()
	for i, p := range r.daemons {
		labtest.Stop(r.t, p)
		r.daemons[i] = r.run(i)
		r.obey("selftest")
	}
	labtest.AwaitPeers(r.t, r.Lab)
	r.rotations++
}

// admin is a host with a shell, on which ptbrelay is installed.
type admin struct {
	t   *testing.T
	dir string
}

// newAdmin installs this test binary, which labtest.Main makes a ptbrelay by its
// environment.
func newAdmin(t *testing.T) *admin {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	a := &admin{t: t, dir: t.TempDir()}
	program := fmt.Sprintf("#!/bin/sh\nexec %q \"$@\"\n", self)
	if err := os.WriteFile(filepath.Join(a.dir, "ptbrelay"), []byte(program), 0o700); err != nil {
		t.Fatal(err)
	}
	return a
}

// shell is a line of shell in the admin's folder.
func (a *admin) shell(line string) *exec.Cmd {
	c := exec.CommandContext(a.t.Context(), "sh", "-c", line)
	c.Dir = a.dir
	c.Env = append(os.Environ(), labtest.DaemonEnv()...)
	c.Env = append(c.Env, "PATH="+a.dir+":"+os.Getenv("PATH"))
	return c
}

// sh does a line of shell.
func (a *admin) sh(line string) {
	a.t.Helper()
	if out, err := a.shell(line).CombinedOutput(); err != nil {
		a.t.Fatalf("%s: %v: %s", line, err, out)
	}
}

func (a *admin) read(name string) string {
	a.t.Helper()
	return fileText(a.t, filepath.Join(a.dir, name))
}
