package integration

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

var curled = regexp.MustCompile(`^curl .*-u ` + webUser + ` https://(\S+)/readyz$`)

// curl asks from another host, until the daemon captures.
func (m *monitored) curl(line string) {
	m.t.Helper()
	words := curled.FindStringSubmatch(line)
	if words == nil {
		m.t.Fatalf("the page says %q, which this test does not know", line)
	}
	m.address = words[1]
	// Without a terminal it reads what would be typed there.
	m.captures(m.Router, "setsid --wait "+m.here(line), webPassword+"\n")
}

// captures waits until that is what a line gets for an answer.
func (m *monitored) captures(host *lab.Node, line, input string) {
	m.t.Helper()
	labtest.Eventually(m.t, 10*time.Second, line, func() error {
		if code, printed := m.admin.on(host, line, input); code != 0 || !strings.Contains(printed, "capturing") {
			return fmt.Errorf("exit code %d: %s; %s", code, printed, m.daemons[0].Log())
		}
		return nil
	})
}

// ask makes ptbget as the operating page says for servers with TLS, and uses it.
func (m *monitored) ask(guide string) {
	m.t.Helper()
	m.admin.sh(m.here(blocks(guide, "console")[1]))
	file := strings.Replace(blocks(guide, "text")[0], "PASSWORD", webPassword, 1)
	writeFile(m.t, m.file("curlrc"), m.here(file))
	m.captures(m.Servers[0], "ptbget /readyz", "")
	if code, printed := m.admin.on(m.Servers[0], "ptbget /absent", ""); code == 0 || !strings.Contains(printed, "404") {
		m.t.Errorf("a path that is not there: exit code %d: %s", code, printed)
	}
}

// renew makes another certificate by the page's command, and does with it what the
// operating page says. Then Prometheus scrapes the daemon by it, once a restart has ended
// the connection that it keeps.
func (m *monitored) renew(making string) {
	m.t.Helper()
	for line := range strings.Lines(making) {
		if strings.HasPrefix(line, "openssl ") {
			m.follow(strings.ReplaceAll(line, "http.", "new."))
		}
	}
	made := m.admin.read("new.crt")
	_, task, _ := strings.Cut(chapter(m.t, operatingPage, "Tasks"), "\n### "+renewal+"\n")
	task, _, _ = strings.Cut(task, "\n### ")
	for _, block := range blocks(task, "console") {
		m.follow(block)
	}
	if m.admin.read("http.crt") != made {
		m.t.Error("another certificate is in its place")
	}
	m.captures(m.Servers[0], "ptbget /readyz", "") // it trusts that one alone
	m.restart()
	g := scrapedGroup{m.Lab, m.t, m.prometheus}
	g.eventually("changes(process_start_time_seconds[1m])", map[string]float64{m.address: 1})
}

func (m *monitored) url(path string) string { return "https://" + m.address + path }

// isClosed fails the test unless every path of the page asks for the password, and
// nothing answers without TLS or at the address of before.
func (m *monitored) isClosed(guide string) {
	m.t.Helper()
	block, _ := pem.Decode([]byte(m.admin.read("http.crt")))
	if block == nil {
		m.t.Fatal("no certificate is in http.crt")
	}
	trusted, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		m.t.Fatal(err)
	}
	asked := &web{t: m.t, server: m.Router, ca: &authority{cert: trusted}}
	paths := firstGroups(regexp.MustCompile("`(/[a-z]*)`"), guide)
	if len(paths) != 4 {
		m.t.Errorf("the page has paths %q, want 4", paths)
	}
	for _, path := range paths {
		asked.answers(path, request{url: m.url(path)}, http.StatusOK, "")
		asked.answers(path+" with another password", request{url: m.url(path), password: "guess"}, http.StatusUnauthorized, "Unauthorized")
	}
	asked.answers("without TLS", request{url: "http://" + m.address + "/readyz"}, http.StatusBadRequest, "HTTPS server")
	here := &web{t: m.t, server: m.Servers[0], ca: asked.ca}
	here.refuses("on its own host", request{url: labtest.ReadyURL}, "connection refused")
}
