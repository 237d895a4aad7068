package integration

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/vishvananda/netlink"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// The README's "Monitor it", done as it is written, on the first server of its example
// across racks: the page without TLS, then with TLS and a password, then a Prometheus
// with our rules that scrapes it.
func TestReadmeMonitor(t *testing.T) {
	for _, program := range []string{"openssl", "htpasswd", "promtool", "prometheus"} {
		requireProgram(t, program)
	}
	guide := section(t, "Monitor it")
	commands := blocks(guide, "console")
	if len(commands) != 6 {
		t.Fatalf("the README has %d blocks of commands, and this test knows 6", len(commands))
	}
	m := newMonitored(t)
	m.follow(commands[0]) // look at the page
	m.follow(commands[1]) // have a certificate and a password
	m.protect(blocks(guide, "yml")[0])
	m.follow(commands[2]) // keep both secret
	m.write(0, fileText(t, m.configs[0])+blocks(guide, "yaml")[0])
	m.unit = blocks(guide, "ini")[0]
	m.follow(commands[3]) // restart, and ask it
	m.isClosed(guide)
	m.follow(commands[4]) // give Prometheus our files
	m.adapt()
	m.follow(commands[5]) // and the secrets, and begin
	m.isScraped()
}

// monitored is a server that somebody begins to monitor, who is the admin.
type monitored struct {
	*rollout
	unit       string // its lines about TLS and the password
	asked      *web   // the daemon with them, as another host asks it
	address    string // where it answers
	prometheus *prometheusServer
}

// newMonitored makes it as "Across racks" leaves it, without its peers.
func newMonitored(t *testing.T) *monitored {
	t.Helper()
	l := labtest.New(t, lab.Options{Shape: lab.ShapeRouted, Servers: 1, Clients: 1})
	across := section(t, "Across racks")
	m := &monitored{rollout: &rollout{racks: &racks{Lab: l, t: t}, admin: newAdmin(t)}}
	m.checkAddresses(across)
	m.configure(blocks(across, "yaml")[0])
	m.place(labtest.Key(0) + "\n")
	replaceFile(t, m.file("typed"), []byte(webPassword+"\n"))
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
		m.ask(line)
	case line == "apt install prometheus":
		m.admin.sh("mkdir prometheus")
	case line == "systemctl reload prometheus":
		reach(m.t, m.Router, m.address)
		m.prometheus = startPrometheus(m.t, fileText(m.t, m.file("prometheus/prometheus.yml")))
	case slices.Contains([]string{"openssl", "chmod", "cp", "install", "promtool"}, program), strings.HasPrefix(line, "ssh SERVER cat "):
		m.admin.sh("<typed " + m.here(line))
	case line != "cd /etc/ptbrelay" && line != "systemctl daemon-reload":
		m.t.Fatalf("the README says %q, which this test does not know", line)
	}
}

// here puts our files in the place of those of a line. There is one host, and one user.
func (m *monitored) here(line string) string {
	m.t.Helper()
	integration, err := os.Getwd()
	if err != nil {
		m.t.Fatal(err)
	}
	return strings.NewReplacer(
		"/etc/ptbrelay/", m.admin.dir+"/",
		"/etc/prometheus/", m.file("prometheus")+"/",
		"integration/", integration+"/",
		"ssh SERVER ", "",
		"-g prometheus ", "",
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
		replaceFile(m.t, m.file("http.yaml"), []byte(text))
		if err := toolkit.Validate(m.file("http.yaml")); err != nil {
			m.t.Errorf("%v in\n%s", err, text)
		}
	}
}

// check has the configuration checked, before there are the credentials for it.
func (m *monitored) check() {
	m.t.Helper()
	code, printed := m.command("check-config")
	if code != 0 || !strings.Contains(printed, ": good\n") || !strings.Contains(printed, "note: http.config_file: ") {
		m.t.Errorf("exit code %d:\n%s", code, printed)
	}
}

// restart begins the daemon anew, with the credentials that its unit names.
func (m *monitored) restart() {
	m.t.Helper()
	labtest.Stop(m.t, m.daemons[0])
	names := regexp.MustCompile(`^LoadCredential=([a-z.]+):/etc/ptbrelay/([a-z.]+)\n$`)
	for line := range strings.Lines(strings.TrimPrefix(m.unit, "[Service]\n")) {
		words := names.FindStringSubmatch(line)
		if words == nil {
			m.t.Fatalf("the unit says %q, which this test does not know", line)
		}
		if err := m.Servers[0].WriteFile(filepath.Join(filepath.Dir(credential), words[1]), []byte(m.admin.read(words[2])), 0o600); err != nil {
			m.t.Fatal(err)
		}
	}
	m.daemons[0] = labtest.Start(m.t, m.Servers[0], "run", "--config", m.configs[0])
}

var curled = regexp.MustCompile(`^curl --cacert (\S+) -u ` + webUser + ` https://(\S+)/readyz$`)

// ask does curl's request from another host, trusting the file alone, until the daemon
// captures.
func (m *monitored) ask(line string) {
	m.t.Helper()
	words := curled.FindStringSubmatch(line)
	if words == nil {
		m.t.Fatalf("the README says %q, which this test does not know", line)
	}
	block, _ := pem.Decode([]byte(m.admin.read(words[1])))
	if block == nil {
		m.t.Fatalf("no certificate is in %s", words[1])
	}
	trusted, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		m.t.Fatal(err)
	}
	m.asked, m.address = &web{t: m.t, server: m.Router, ca: &authority{cert: trusted}}, words[2]
	labtest.Eventually(m.t, 10*time.Second, line, func() error {
		_, body, err := m.asked.do(request{url: m.url("/readyz")})
		if err == nil && !strings.Contains(body, "capturing") {
			err = errors.New(body)
		}
		if err != nil {
			err = fmt.Errorf("%w: %s", err, m.daemons[0].Log())
		}
		return err
	})
}

func (m *monitored) url(path string) string { return "https://" + m.address + path }

// isClosed fails the test unless every path of the README asks for the password, and
// nothing answers without TLS or at the address of before.
func (m *monitored) isClosed(guide string) {
	m.t.Helper()
	paths := firstGroups(regexp.MustCompile("`(/[a-z]*)`"), guide)
	if len(paths) != 4 {
		m.t.Errorf("the README has paths %q, want 4", paths)
	}
	for _, path := range paths {
		m.asked.answers(path, request{url: m.url(path)}, http.StatusOK, "")
		m.asked.answers(path+" with another password", request{url: m.url(path), password: "guess"}, http.StatusUnauthorized, "Unauthorized")
	}
	m.asked.answers("without TLS", request{url: "http://" + m.address + "/readyz"}, http.StatusBadRequest, "HTTPS server")
	here := &web{t: m.t, server: m.Servers[0], ca: m.asked.ca}
	here.refuses("on its own host", request{url: labtest.ReadyURL}, "connection refused")
}

var exampleTargets = regexp.MustCompile(`(?m)(^ *- )server1\.example\.net:7690\n(^ *- server\d\.example\.net:7690\n)+`)

// adapt changes the configuration of Prometheus as the README says, and has it scrape
// more often and find its files where they are.
func (m *monitored) adapt() {
	m.t.Helper()
	file := m.file("prometheus/prometheus.yml")
	plain, protected, found := strings.Cut(fileText(m.t, file), "    # With TLS and a password")
	_, protected, _ = strings.Cut(protected, "\n")
	if !found || !exampleTargets.MatchString(plain) {
		m.t.Fatal("the example has no such servers, or no lines for TLS and the password")
	}
	text := exampleTargets.ReplaceAllString(plain, "${1}"+m.address+"\n") + strings.ReplaceAll(protected, "    # ", "    ")
	text = strings.ReplaceAll(text, "15s", "1s")
	text = strings.ReplaceAll(text, "- rules.yaml", "- "+m.file("prometheus/rules.yaml"))
	replaceFile(m.t, file, []byte(m.here(text)))
}

// isScraped waits until Prometheus has scraped the daemon, and our rules have judged
// what it got.
func (m *monitored) isScraped() {
	m.t.Helper()
	g := scrapedGroup{m.Lab, m.t, m.prometheus}
	g.eventually("up", map[string]float64{m.address: 1})
	g.eventually("max by (instance) (ptbrelay:law:difference)", map[string]float64{m.address: 0})
}

// reach makes an address of the lab one of the tests' own namespace, where Prometheus
// runs: what connects to it is connected there, by way of a node.
func reach(t *testing.T, via *lab.Node, address string) {
	t.Helper()
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	held := &netlink.Addr{IPNet: netlink.NewIPNet(net.IP(netip.MustParseAddrPort(address).Addr().AsSlice()))}
	if err := netlink.AddrAdd(lo, held); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := netlink.AddrDel(lo, held); err != nil {
			t.Error(err)
		}
	})
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close() // it ends what accepts
		open.Wait()
	})
	open.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { join(from, via, address) })
		}
	})
}

// join carries what comes by a connection to an address and back, until either ends.
func join(from net.Conn, via *lab.Node, address string) {
	defer from.Close()
	to, err := via.Dial(context.Background(), "tcp", address)
	if err != nil {
		return // the other side sees that it is closed
	}
	go func() {
		defer to.Close()
		_, _ = io.Copy(to, from)
	}()
	_, _ = io.Copy(from, to)
}
