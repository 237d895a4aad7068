package integration

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"ptbrelay/integration/labtest"
)

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
