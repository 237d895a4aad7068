package integration

import (
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	toolkit "github.com/prometheus/exporter-toolkit/web"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// The page about monitoring, done as it is written, on the first server of the example
// across racks: without TLS, then with TLS and a password, then a Prometheus with our
// rules that scrapes it. Then what the operating page says of servers with TLS.
func TestMonitoring(t *testing.T) {
	t.Parallel() // it waits more than it works
	for _, program := range []string{"curl", "openssl", "htpasswd", "promtool", "prometheus"} {
		requireProgram(t, program)
	}
	guide := fileText(t, monitoringPage)
	commands := blocks(guide, "console")
	if len(commands) != 6 {
		t.Fatalf("the page has %d blocks of commands, and this test knows 6", len(commands))
	}
	m := newMonitored(t)
	m.follow(commands[0]) // look at the page
	m.follow(commands[1]) // have a certificate and a password
	m.protect(blocks(guide, "yml")[0])
	m.follow(commands[2]) // keep both secret
	m.write(0, fileText(t, m.configs[0])+blocks(guide, "yaml")[0])
	m.follow(commands[3]) // restart, and ask it
	m.isClosed(guide)
	m.follow(commands[4]) // give Prometheus our files
	m.adapt()
	m.follow(commands[5]) // and the secrets, and ask it
	m.ask(chapter(t, operatingPage, "How to ask"))
	m.renew(commands[1])
}

// monitored is a server that somebody begins to monitor, who is the admin.
type monitored struct {
	*rollout
	address    string // where it answers with them
	prometheus *prometheusServer
}

// newMonitored makes it as the page about racks leaves it, without its peers.
func newMonitored(t *testing.T) *monitored {
	t.Helper()
	l := labtest.New(t, lab.Options{Shape: lab.ShapeRouted, Servers: 1, Clients: 1})
	m := &monitored{rollout: &rollout{racks: &racks{Lab: l, t: t}, admin: newAdmin(t)}}
	m.configs = []string{m.file("config.yaml")}
	m.write(0, blocks(fileText(t, acrossPage), "yaml")[0])
	m.mount(0)
	m.place(labtest.Key(0) + "\n")
	replaceFile(t, m.file("typed"), webPassword+"\n")
	return m
}

// file is one of the admin's, whose folder is in the place of /etc/ptbrelay.
func (m *monitored) file(name string) string { return filepath.Join(m.admin.dir, name) }

// follow does the lines of a block.
func (m *monitored) follow(block string) {
	m.t.Helper()
	for line := range strings.Lines(block) {
		line, _, _ = strings.Cut(line, " #")
		m.do(strings.TrimSpace(line))
	}
}

// do does a line as systemd or another host would, or by a shell, with the password as
// its input where it asks.
func (m *monitored) do(line string) {
	m.t.Helper()
	switch program, _, _ := strings.Cut(line, " "); {
	case line == "ssh -L 7690:localhost:7690 SERVER":
		m.look()
	case program == "htpasswd":
		// Without a terminal it reads what would be typed there, twice.
		m.admin.sh("cat typed typed | setsid --wait " + line + " >printed")
	case line == "ptbrelay check-config":
		m.check()
	case line == "systemctl restart ptbrelay":
		m.restart()
	case program == "curl":
		m.curl(line)
	case line == "apt install prometheus":
		m.admin.sh("mkdir prometheus")
	case line == "systemctl reload prometheus":
		m.reload()
	case strings.HasPrefix(line, "promtool query "):
		m.query(line)
	case slices.Contains([]string{"openssl", "chown", "chmod", "cp", "mv", "install", "promtool"}, program), strings.HasPrefix(line, "ssh SERVER cat "):
		m.admin.sh("<typed " + m.here(line))
	case line != "cd /etc/ptbrelay":
		m.t.Fatalf("the page says %q, which this test does not know", line)
	}
}

// here puts our files in the place of those of a line. There is one host, and one user.
func (m *monitored) here(line string) string {
	m.t.Helper()
	return strings.NewReplacer(
		"/etc/ptbrelay/", m.admin.dir+"/",
		"/etc/prometheus/", m.file("prometheus")+"/",
		"/usr/local/bin/", m.admin.dir+"/",
		"integration/", absolute(m.t, ".")+"/",
		"ssh SERVER ", "",
		"-g prometheus ", "",
		"chown ptbrelay: ", "chown 0:0 ",
	).Replace(line)
}

// look starts the daemon as it was before, and gets its page.
func (m *monitored) look() {
	m.t.Helper()
	m.daemons = []*lab.Process{m.run(0)}
	status, page := labtest.Get(m.t, m.Servers[0], "http://localhost:7690/")
	if status != http.StatusOK || !strings.Contains(page, "<html") {
		m.t.Errorf("the page: %d %s", status, page)
	}
}

// protect writes http.yaml as it is shown, with the line that was printed for its last.
func (m *monitored) protect(shown string) {
	m.t.Helper()
	user := regexp.MustCompile(webUser + `: .*\n$`)
	ours := user.ReplaceAllLiteralString(shown, strings.TrimSpace(m.admin.read("printed"))+"\n")
	if ours == shown {
		m.t.Errorf("no user is in\n%s", shown)
	}
	for _, text := range []string{shown, ours} {
		replaceFile(m.t, m.file("http.yaml"), text)
		if err := toolkit.Validate(m.file("http.yaml")); err != nil {
			m.t.Errorf("%v in\n%s", err, text)
		}
	}
}

// check has the configuration checked, which names no fault.
func (m *monitored) check() {
	m.t.Helper()
	if code, printed := m.command("check-config"); code != 0 || !strings.Contains(printed, ": good\n") || strings.Contains(printed, "note: ") {
		m.t.Errorf("exit code %d:\n%s", code, printed)
	}
}

func (m *monitored) restart() {
	m.t.Helper()
	labtest.Stop(m.t, m.daemons[0])
	m.daemons[0] = labtest.Start(m.t, m.Servers[0], "run", "--config", m.configs[0])
}
