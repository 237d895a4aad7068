package integration

import (
	"testing"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// Where operators load the rules the promise holds as with the table that ptbrelay
// installs: all downloads finish, and no daemon hears the copies of the others.
func TestHealsByLoadedRules(t *testing.T) {
	for i, vips := range []string{"", "vips: [192.0.2.0/24, '2001:db8:ffff::/64']\n"} {
		tool := []string{"iptables-nft", "nft"}[i]
		t.Run(tool, func(t *testing.T) {
			l := labtest.New(t, lab.Options{VIPs: lab.VIPAnyIP})
			config := writeConfig(t, "rules: {manage: false}\naudit: {mss: true}\ncapture: {group: 40}\n"+vips)
			x := newLoader(t, tool, config)
			for _, s := range l.Servers {
				x.load(s)
			}
			taps, witnesses := labtest.TapServers(t, l), witnessAll(t, l)
			labtest.StartRelays(t, l, "--config", config)
			report := labtest.Downloads(t, l, lab.Load{})
			catchUp(t, l, taps)
			checkSlowest(t, report)
			checkHealed(t, l, report, taps)
			checkWitnessed(t, report, witnesses)
		})
	}
}

func witnessAll(t *testing.T, l *lab.Lab) (all []*witness) {
	t.Helper()
	for i := range l.Servers {
		all = append(all, newWitness(t, l, i))
	}
	return all
}

// checkWitnessed checks that each daemon counts just what comes in from the router:
// what a load has brought, and some to every server.
func checkWitnessed(t *testing.T, r lab.Report, witnesses []*witness) {
	t.Helper()
	for _, w := range witnesses {
		w.opened(r)
		w.send(2)
	}
	for _, w := range witnesses {
		server := w.lab.Servers[w.server]
		awaitCounted(t, server, w)
		w.check(daemonsAudit(t, server))
	}
}
