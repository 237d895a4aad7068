package integration

import (
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"ptbrelay/integration/lab"
)

var exampleTargets = regexp.MustCompile(`(?m)(^ *- )server1\.example\.net:7690\n(^ *- server\d\.example\.net:7690\n)+`)

// adapt changes the configuration of Prometheus as the page says, and has it scrape
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
	replaceFile(m.t, file, m.here(text))
}

// reload starts Prometheus. Later there is nothing to do: it looks by itself at the
// files that its configuration names.
func (m *monitored) reload() {
	m.t.Helper()
	if m.prometheus == nil {
		reach(m.t, m.Router, m.address)
		m.prometheus = startPrometheus(m.t, fileText(m.t, m.file("prometheus/prometheus.yml")))
	}
}

// query waits until Prometheus has scraped the daemon, and our rules have judged what
// it got. Then it asks as the page does.
func (m *monitored) query(line string) {
	m.t.Helper()
	g := scrapedGroup{m.Lab, m.t, m.prometheus}
	g.eventually("up", map[string]float64{m.address: 1})
	g.eventually("max by (instance) (ptbrelay:law:difference)", map[string]float64{m.address: 0})
	m.admin.sh(strings.Replace(line, "http://localhost:9090", m.prometheus.url, 1) + " >printed")
	shows := regexp.MustCompile(`^up{instance="` + m.address + `", .*} => 1 @`)
	if printed := m.admin.read("printed"); !shows.MatchString(printed) {
		m.t.Errorf("%s: %s", line, printed)
	}
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
	carry(t, address, via, address)
}
