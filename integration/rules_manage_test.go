package integration

import (
	"log/slog"
	"testing"

	"ptbrelay/classify"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/rules"
)

// With rules.manage false the operator's table feeds the daemon, which refuses
// by itself what that table is too wide for, reads its guard, and leaves it
// alone.
func TestOperatorsRules(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	server := l.Servers[0]
	operatorsTable(t, server, rules.Config{Group: 33, Guard: 100000})
	p := labtest.StartRelay(t, server, "--config", writeConfig(t, "rules: {manage: false}\nvips: [192.0.2.99]\n"))
	there := labtest.Tap(t, l.Servers[1], "eth0")
	for _, ptb := range ptbs(40004) {
		labtest.FromRouter(t, l, 0, ptb.Bytes())
		await(t, server, verdictMetric(ptb.Family.String(), classify.ForeignVIP), 1)
	}
	if found := broadcasts(labtest.Fence(t, server, "eth0", there)); len(found) != 0 {
		t.Errorf("%d copies of PTBs for other VIPs on the wire", len(found))
	}
	if _, ok := metricsOf(t, server)["ptbrelay_guarded_total"]; !ok {
		t.Error("the guard of the loaded table is not exported")
	}
	checkLaws(t, server)
	labtest.Stop(t, p)
	if left := tables(t, server); len(left) != 1 {
		t.Errorf("after the daemon's end the tables are %v, want the operator's", left)
	}
}

// operatorsTable loads a table of our shape that the daemon does not own.
func operatorsTable(t *testing.T, n *lab.Node, c rules.Config) {
	t.Helper()
	err := n.Do(func() error {
		table, err := rules.Install(c, slog.New(slog.DiscardHandler))
		if err == nil {
			t.Cleanup(func() { _ = table.Close() }) // the lab takes it with it anyway
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
