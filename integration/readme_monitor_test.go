package integration

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
	"github.com/vishvananda/netlink"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// The README's "Monitor it", done as it is written, on the first server of its example
// across racks: the page without TLS, then with TLS and a password, then a Prometheus
// with our rules that scrapes it.
func TestReadmeMonitor(t *testing.T) {
	requireProgram(t, "openssl")
	requireProgram(t, "htpasswd")
	guide := section(t, "Monitor it")
	commands := blocks(guide, "console")
	if len(commands) != 6 {
		t.Fatalf("the README has %d blocks of commands, which this test does not know", len(commands))
	}
	m := newMonitored(t)
	m.follow(commands[0]) // look at the page
	m.follow(commands[1]) // have a certificate and a password
	m.protect(blocks(guide, "yml")[0])
	m.follow(commands[2]) // keep them secret
	m.write(0, fileText(t, m.configs[0])+blocks(guide, "yaml")[0])
	m.units = append(m.units, blocks(guide, "ini")...)
	m.follow(commands[3]) // restart, and ask for readiness
	m.reveals(guide)
	t.Run("Prometheus", func(t *testing.T) {
		requireProgram(t, "promtool")
		requireProgram(t, "prometheus")
		m.admin.t = t
		m.follow(commands[4]) // install it with our configuration
		m.point()
		m.follow(commands[5]) // give it the secrets, and check
		m.scrapes(t)
	})
}

// monitored is a server that somebody begins to monitor, and what he has on it.
type monitored struct {
	*rollout
	*web           // how it is asked from another host; nil before the request
	units []string // lines of the unit beyond those of broadcast
	root  string   // where it answers
}

// newMonitored makes it as "Across racks" leaves it, without its peers.
func newMonitored(t *testing.T) *monitored {
	t.Helper()
	l := labtest.New(t, lab.Options{Shape: lab.ShapeRouted, Servers: 1, Clients: 1})
	across := section(t, "Across racks")
	m := &monitored{rollout: &rollout{racks: &racks{Lab: l, t: t}, admin: newAdmin(t)}, units: blocks(across, "ini")}
	m.checkAddresses(across)
	m.configure(blocks(across, "yaml")[0])
	replaceFile(t, m.file("key"), []byte(labtest.Key(0)+"\n"))
	replaceFile(t, m.file("password"), []byte(webPassword+"\n"))
	return m
}

// file is a file of the admin's, whose folder is in the place of /etc/ptbrelay.
func (m *monitored) file(name string) string { return filepath.Join(m.admin.dir, name) }

// follow does the lines of a block.
func (m *monitored) follow(block string) {
	m.admin.t.Helper()
	for line := range strings.Lines(block) {
		line, _, _ = strings.Cut(line, " #")
		m.do(strings.TrimSpace(line))
	}
}

// do does one line: as systemd or another host would, or by a shell.
func (m *monitored) do(line string) {
	m.admin.t.Helper()
	words := strings.Fields(line)
	switch {
	case line == "cd /etc/ptbrelay", line == "systemctl daemon-reload", line == "systemctl reload prometheus":
	case line == "ssh -L 7690:localhost:7690 SERVER":
		m.look()
	case words[0] == "htpasswd":
		// Without a terminal it takes what a person would type there, twice.
		m.admin.sh("cat password password | setsid --wait " + line + " >printed")
	case line == "ptbrelay check-config":
		m.check()
	case line == "systemctl restart ptbrelay":
		m.restart()
	case words[0] == "curl":
		m.curl(line)
	case line == "apt install prometheus":
		m.admin.sh("mkdir prometheus")
	case words[0] == "openssl", words[0] == "chmod", words[0] == "cp", words[0] == "install", words[0] == "promtool":
		m.admin.sh("<password " + m.here(line))
	case strings.HasPrefix(line, "ssh SERVER cat "):
		m.admin.sh(m.here(strings.TrimPrefix(line, "ssh SERVER ")))
	default:
		m.admin.t.Fatalf("the README says %q, which this test does not know", line)
	}
}

// here puts our files in the place of those of a line, and our only user in that of
// Prometheus.
func (m *monitored) here(line string) string {
	tree, err := os.Getwd()
	if err != nil {
		m.t().Fatal(err)
	}
	return strings.NewReplacer(
		"/etc/ptbrelay/", m.admin.dir+"/",
		"/etc/prometheus/", m.file("prometheus")+"/",
		"integration/", tree+"/",
		"-g prometheus ", "",
	).Replace(line)
}
