package integration

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// The page for nftables, done on a routed group: all heals through its firewall, which
// drops what it does not name.
func TestNFTablesPage(t *testing.T) {
	page := fileText(t, "nftables/README.md")
	r := watchRacks(t, lab.Options{Shape: lab.ShapeRouted})
	x := newLoader(t, "nft", writeConfig(t, blocks(page, "yaml")[0]+"audit: {mss: true}\n"))
	here := strings.NewReplacer("/etc/", x.dir+"/")
	writeFile(t, filepath.Join(x.dir, "nftables.conf"), here.Replace(blocks(page, "nft")[0]))
	for _, s := range r.Servers {
		for range 2 { // as at boot, and again
			for line := range strings.Lines(blocks(page, "console")[0]) {
				if !strings.HasPrefix(line, "systemctl ") {
					x.do(s, x.mine(here.Replace(line)), "")
				}
			}
		}
	}
	healByPage(t, r, x.config)
}

// The page for iptables, done on a routed group of which the rest of INPUT drops all
// PTBs and datagrams.
func TestIPTablesPage(t *testing.T) {
	page := fileText(t, "iptables/README.md")
	r := watchRacks(t, lab.Options{Shape: lab.ShapeRouted})
	x := newLoader(t, "iptables-legacy", writeConfig(t, blocks(page, "yaml")[0]+"audit: {mss: true}\n"))
	starts := regexp.MustCompile(`(?m)^ExecStartPre=\+/bin/sh -c '(.*)'$`).FindAllStringSubmatch(blocks(page, "ini")[0], -1)
	if len(starts) != 4 {
		t.Fatalf("%d commands before the start", len(starts))
	}
	for _, s := range r.Servers {
		for range 2 { // a start, and a restart
			for _, m := range starts {
				x.do(s, x.mine(m[1]), "")
			}
		}
		x.do(s, blocks(page, "console")[1], "")
		for _, drop := range []string{"iptables -A INPUT -p icmp", "iptables -A INPUT -p udp", "ip6tables -A INPUT -p ipv6-icmp --icmpv6-type 2"} {
			x.do(s, drop+" -j DROP", "")
		}
	}
	healByPage(t, r, x.config)
	for _, s := range r.Servers {
		if _, ok := metricsOf(t, s)["ptbrelay_guarded_total"]; ok {
			t.Error("a guard is exported, though no table of ours can be read")
		}
	}
}

// healByPage starts the daemons; all heals, and each counts what comes in from the
// router, and nothing twice.
func healByPage(t *testing.T, r *racks, config string) {
	t.Helper()
	witnesses := witnessAll(t, r.Lab)
	labtest.UDPRelays(t, r.Lab, lab.IPv4, "--config", config)
	report, _ := r.heal()
	checkWitnessed(t, report, witnesses)
}
