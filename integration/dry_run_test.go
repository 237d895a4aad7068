package integration

import (
	"strings"
	"testing"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// A dry run does everything but send.
func TestDryRunSendsNothing(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	server := l.Servers[0]
	p := labtest.StartRelay(t, server, "--dry-run")
	there := labtest.Tap(t, l.Servers[1], "eth0")
	for _, ptb := range ptbs(40003) {
		labtest.FromRouter(t, l, 0, ptb.Bytes())
		labtest.FromRouter(t, l, 0, ptb.Bytes())
		await(t, server, outcomeMetric(ptb.Family.String(), "dry-run"), 1)
		await(t, server, outcomeMetric(ptb.Family.String(), "duplicate"), 1)
	}
	if found := broadcasts(labtest.Fence(t, server, "eth0", there)); len(found) != 0 {
		t.Errorf("%d frames on the wire in a dry run", len(found))
	}
	checkLaws(t, server)
	labtest.Stop(t, p)
	if log := p.Log(); !strings.Contains(log, "would_relay=2") {
		t.Errorf("no summary of what would have been relayed in:\n%s", log)
	}
}
