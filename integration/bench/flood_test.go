package bench

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

const (
	floodRate  = 30_000 // messages a second at every server
	floodLimit = 20     // seconds that a flood may last
)

// flood is 64 downloads through the black hole while forged messages, each about
// another flow, come in at every server from before to after.
// There is no floor: without limits it would send each of them to everybody.
func (s *summary) flood(b *testing.B) {
	finished, arriving, slowest := 0, 0, time.Duration(0)
	for b.Loop() {
		l := labtest.New(b, lab.Options{Clients: 32})
		labtest.StartRelays(b, l)
		meter := labtest.NewMeter(b, l)
		forged := labtest.StartFlood(b, l, forgeries(b, l))
		labtest.Eventually(b, 10*time.Second, "the flood is under way", func() error {
			if forged.Sent() < floodRate {
				return fmt.Errorf("%d sent", forged.Sent())
			}
			return nil
		})
		meter.Restart()
		r := labtest.Downloads(b, l, lab.Load{}).Summary()
		arriving = slices.Min(meter.Rates())
		if !forged.Running() || r.Finished == 0 {
			b.Fatalf("%v, flood still running: %v", r, forged.Running())
		}
		forged.Stop()
		finished, slowest = r.Finished, max(slowest, r.Slowest)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(arriving), "arriving/s")
	s.add(b, "finished", "64", 0, float64(finished))
	s.add(b, "slowest-ms", "3000", 0, float64(slowest.Milliseconds()))
}

// forgeries are messages of both families to all servers in turns.
func forgeries(b *testing.B, l *lab.Lab) lab.Stream {
	var makers []*numbered
	for _, f := range []classify.Family{classify.IPv4, classify.IPv6} {
		for server := range l.Servers {
			makers = append(makers, newNumbered(f, labtest.FrameTo(b, l, server, classifytest.PTB{Family: f}.Bytes())))
		}
	}
	return lab.Stream{
		Rate: floodRate * len(l.Servers), Count: floodLimit * floodRate * len(l.Servers),
		Fill: func(n int, buf []byte) []byte {
			return makers[n%len(makers)].put(buf, 1<<16+uint32(n), 0)
		},
	}
}
