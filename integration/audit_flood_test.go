package integration

import (
	"syscall"
	"testing"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// Under a flood the audit has counted each PTB that arrived, or says that it is
// lost: too many for the audit to read, or turned away by the guard.
func TestAuditFlood(t *testing.T) {
	for name, c := range map[string]struct {
		config string
		least  uint64 // lost for sure
	}{
		"at full rate": {"", 0},
		"guarded":      {"rules: {node_guard: 1000}\n", 5000},
	} {
		t.Run(name, func(t *testing.T) {
			l := labtest.New(t, lab.Options{Clients: 1, Servers: 1})
			arrivals := labtest.NewMeter(t, l)
			a := startAudit(t, l.Servers[0], "-c", writeConfig(t, c.config), "--for", "1h", "--format", "json").observing()
			startFlood(t, l, 0).pour(20_000)
			w := newWitness(t, l, 0)
			w.send(1) // losses show when something comes after them
			w.arrived()
			a.signal(syscall.SIGINT)
			m := a.exits(0).report().Messages
			arrived := arrivals.Counts()[0]
			if m.Packets+m.Lost != arrived || m.Packets == 0 || m.Lost < c.least {
				t.Errorf("%d counted, %d lost, of %d that arrived", m.Packets, m.Lost, arrived)
			}
			t.Logf("%d counted, %d lost", m.Packets, m.Lost)
		})
	}
}
