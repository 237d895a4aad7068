package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/bench/floor"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// noLimits turns off every limit that this bench could meet (10^8 a second).
const noLimits = `
relay:
  limits: {node: 100000000, node_burst: 100000000, router: 100000000, router_burst: 100000000, client: 100000000, client_burst: 100000000}
rules: {node_guard: 100000000}
`

// side is one of the two that a row compares, on a server of its own.
type side struct {
	server  int
	process *lab.Process
}

// duel is a segment of three servers: on the first the floor, on the second
// ptbrelay, on the third nothing but the count of what these two broadcast. The
// two take turns, so what disturbs the machine disturbs both.
type duel struct {
	b               *testing.B
	lab             *lab.Lab
	sender          *lab.Sender
	counter         *counter
	floor, ptbrelay side
	ptb             classifytest.PTB
	next            uint32 // number of the next message; none is used twice
}

// newDuel starts both, for messages like ptb.
func newDuel(b *testing.B, ptb classifytest.PTB) *duel {
	b.Helper()
	l := labtest.New(b, lab.Options{Clients: 1, Servers: 3})
	d := &duel{b: b, lab: l, ptb: ptb, next: 1 << 16}
	d.floor = side{0, startFloor(b, l.Servers[0])}
	d.ptbrelay = side{1, startUnlimited(b, l.Servers[1])}
	d.counter = newCounter(b, l.Servers[2], "eth0")
	d.sender = labtest.Sender(b, l.Router, "servers")
	return d
}

func startFloor(b *testing.B, server *lab.Node) *lab.Process {
	b.Helper()
	p := labtest.Start(b, server, asFloor, "eth0")
	labtest.Eventually(b, 10*time.Second, "the floor captures", func() error {
		if !strings.Contains(p.Log(), floor.Ready) {
			return fmt.Errorf("it says %q", p.Log())
		}
		return nil
	})
	return p
}

func startUnlimited(b *testing.B, server *lab.Node) *lab.Process {
	b.Helper()
	return labtest.StartRelay(b, server, "--config", configFile(b, noLimits))
}

// configFile writes a configuration and returns its path.
func configFile(b *testing.B, text string) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// round is what became of a number of messages sent to one side.
type round struct {
	sent, copies int
	latencies    []time.Duration // of each copy: from the making of the message to the copy's receipt
	sending      time.Duration   // from the first message to the last
	trailing     time.Duration   // from the last message to the last copy
	cpu          time.Duration   // that the side's process took meanwhile
}

// lookEvery is how often the counter's ring is emptied: seldom, for it takes
// time from what is measured.
const lookEvery = 10 * time.Millisecond

// quiet is how long no copy may come before the rest counts as lost: far above
// the kernel's 10 ms for an unfinished batch.
const quiet = 250 * time.Millisecond

// send streams count messages to a side at a rate a second.
func (d *duel) send(s side, rate, count int) round {
	d.b.Helper()
	messages := newNumbered(d.ptb.Family, labtest.FrameTo(d.b, d.lab, s.server, d.ptb.Bytes()))
	w := newWatch(d.counter, messages, d.next, count)
	before := labtest.ProcessorTime(d.b, s.process)
	done := make(chan struct{})
	go w.run(done)
	var first, last uint32
	sent, err := d.sender.Stream(d.b.Context(), lab.Stream{Rate: rate, Count: count, Fill: func(n int, buf []byte) []byte {
		last = now()
		if n == 0 {
			first = last
		}
		return messages.put(buf, d.next+uint32(n), last)
	}})
	close(done)
	<-w.ended
	if err != nil {
		d.b.Fatal(err)
	}
	d.next += uint32(count)
	return round{
		sent: sent, copies: len(w.latencies), latencies: w.latencies,
		sending: time.Duration(last - first), trailing: time.Duration(int32(w.last - last)),
		cpu: labtest.ProcessorTime(d.b, s.process) - before,
	}
}

// now is the clock of the counter's timestamps.
func now() uint32 { return uint32(time.Now().UnixNano()) }
