package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
)

// manyFlows is how many distinct ones a daemon has relayed when its memory is
// read again.
const manyFlows = 1_000_000

// memory is what is resident, at rest after the start and when every table is
// full.
func (s *summary) memory(b *testing.B) {
	d := newDuel(b, classifytest.PTB{Family: classify.IPv6}) // more clients and routers than IPv4 has
	floor, ptbrelay := resident(b, d.floor.process), resident(b, d.ptbrelay.process)
	for b.Loop() {
		d.relayFlows(d.ptbrelay)
	}
	b.ReportMetric(0, "ns/op")
	s.add(b, "idle-MiB", "40", floor, ptbrelay)
	s.add(b, "full-MiB", "44", 0, resident(b, d.ptbrelay.process))
}

// relayFlows sends messages until manyFlows copies have come: at a rate at which
// few are lost, for at full speed the cables lose most of the copies.
func (d *duel) relayFlows(s side) {
	d.b.Helper()
	for copies, sent := 0, 0; copies < manyFlows; {
		r := d.send(s, busyRate, busyRate)
		copies, sent = copies+r.copies, sent+r.sent
		if sent > 3*manyFlows {
			d.b.Fatalf("%d copies of %d messages, want %d", copies, sent, manyFlows)
		}
	}
}

// resident is VmRSS in MiB (proc_pid_status(5)).
func resident(b *testing.B, p *lab.Process) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return kib / 1024
}
