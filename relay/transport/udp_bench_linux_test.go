package transport

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// BenchmarkFanOut measures what one copy costs, sealing and all. "full": the ring
// is never empty. "alone": a message is sent when the last copy of the one before
// has gone, so each copy is a message to the kernel of its own.
//
// Sockets on loopback that nobody reads stand in for the peers: the kernel takes
// each datagram in on the same processor before the send returns, which in the
// field is the peer's work.
func BenchmarkFanOut(b *testing.B) {
	n := labtest.Node(b, "host")
	targets := sinks(b, n, 1000)
	for _, quote := range []int{28, 1232} {
		for _, peers := range []int{10, 100, 1000} {
			for name, batch := range map[string]int{"full": 64, "alone": 1} {
				b.Run(fmt.Sprintf("quote=%d/%s/peers=%d", quote, name, peers), func(b *testing.B) {
					benchFanOut(b, n, targets[:peers], sized(20+8+quote), batch)
				})
			}
		}
	}
}

// benchFanOut sends batches of so many messages; one that has a single message
// waits until its copies have gone.
func benchFanOut(b *testing.B, n *lab.Node, peers []netip.AddrPort, m classify.Message, size int) {
	u, err := NewUDP(udpConfig(quiet))
	must(b, err)
	defer u.Close()
	must(b, n.Do(func() error { return u.Listen(netip.MustParseAddrPort("127.0.0.1:0")) }))
	u.SetPeers(peers)
	u.pulse = pulse{first: time.Hour, every: time.Hour, again: time.Hour, down: time.Hour}

	underWay := 1
	if size > 1 {
		underWay = len(u.ring.slots)
	}
	tokens := make(chan struct{}, underWay)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	done := func(time.Time, *classify.Message, Result) { <-tokens }
	go func() { ended <- u.Run(ctx, Handlers{Done: done}) }()
	batch := make([]classify.Message, size)
	for i := range batch {
		batch[i] = m
	}
	results := make([]Result, size)
	b.ReportAllocs()
	begin := time.Now()
	sends := 0
	for b.Loop() {
		for range size {
			tokens <- struct{}{}
		}
		u.Send(time.Now(), batch, results)
		sends++
	}
	for range underWay { // all have come back
		tokens <- struct{}{}
	}
	took := time.Since(begin)
	cancel()
	must(b, <-ended)
	copies := uint64(sends * size * len(peers))
	if got := u.Stats().Stats; got.Copies != copies || got.Errors != 0 {
		b.Fatalf("%+v, want %d copies", got, copies)
	}
	b.ReportMetric(float64(took.Nanoseconds())/float64(copies), "ns/copy")
}
