package integration

import (
	"strings"
	"testing"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// A relay does not depend on its audit: where a group is taken and a file is missing
// it says what it does without, and relays.
func TestRelayWithoutAudit(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	server := l.Servers[0]
	takeGroup(t, server, 34)
	p := labtest.StartRelay(t, server, "--config", writeConfig(t, "audit: {mss: true, asn_db: /nonexistent/as.mmdb}\n"))
	for _, says := range []string{"audit.mss: no SYNs are observed", "another process owns the group", "audit.asn_db: networks are told without their AS"} {
		if !strings.Contains(p.Log(), says) {
			t.Errorf("it does not say %q:\n%s", says, p.Log())
		}
	}
	there := labtest.Tap(t, l.Servers[1], "eth0")
	for _, ptb := range ptbs(40005) {
		labtest.FromRouter(t, l, 0, ptb.Bytes())
		await(t, server, outcomeMetric(ptb.Family.String(), "relayed"), 1)
	}
	if found := broadcasts(labtest.Fence(t, server, "eth0", there)); len(found) != 2 {
		t.Errorf("%d copies on the wire, want 2", len(found))
	}
	// What it does without is not what its configuration says.
	reread(t, p)
	if strings.Contains(p.Log(), "these keys keep their value") {
		t.Errorf("a reload of the same file names keys:\n%s", p.Log())
	}
	checkLaws(t, server)
}
