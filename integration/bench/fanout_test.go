package bench

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
)

const (
	// fanOutBurst is how many messages come at once: the ring of the daemon has
	// room for them, and so has what its peers read from.
	fanOutBurst = 256
	// plainBurst is the floor's.
	plainBurst = 16
	// calmCopies is how many copies leave a second where each message is to be
	// alone: a third of what one processor can send.
	calmCopies = 100_000
)

// eachCrowd runs a row for groups from small to large.
func eachCrowd(b *testing.B, row string, f func(*testing.B, int)) {
	for _, peers := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("%s/peers=%d", row, peers), func(b *testing.B) { f(b, peers) })
	}
}

// fanOut is what the copies of a message with the longest quote cost where they go
// to many peers by udp, and when the last one is there: messages that come at once,
// and messages that come one by one. The floor sends as many datagrams of that
// length, each by itself, to the same peers.
func (s *summary) fanOut(b *testing.B, peers int) {
	c := newCrowd(b, peers, classifytest.PTB{Family: classify.IPv4, QuoteBytes: 1232})
	var floor, wall, burstCPU []float64 // µs a copy, of each round
	var alone tally
	for b.Loop() {
		floor = append(floor, c.sendPlain(plainBurst))
		r := c.send(0, fanOutBurst)
		wall = append(wall, perCopy(r.sending+r.trailing, r.copies))
		burstCPU = append(burstCPU, perCopy(r.cpu, r.copies))
		rate := min(calmRate, calmCopies/peers)
		alone.add(c.send(rate, rate/2))
	}
	b.ReportMetric(0, "ns/op")
	slices.Sort(alone.latencies)
	least := median(floor)
	target := "-" // with few peers most of the time is that of the message, not of its copies
	if peers >= 100 {
		target = "1.5"
	}
	s.add(b, "burst-µs/copy", target, least, median(wall))
	s.add(b, "burst-cpu-µs/copy", target, least, median(burstCPU))
	s.add(b, "alone-cpu-µs/copy", "-", least, alone.perMessage())
	s.add(b, "last-p50-µs", "-", 0, alone.quantile(0.5))
	s.add(b, "last-p99-µs", "-", 0, alone.quantile(0.99))
}

func perCopy(d time.Duration, copies int) float64 { return microseconds(d) / float64(copies) }
