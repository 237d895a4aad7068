package transport

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/integration/labtest"
)

// BenchmarkFanOut keeps the ring full and measures what one copy costs, sealing
// and all. Sockets on loopback that nobody reads stand in for the peers' hosts:
// the kernel takes each datagram in on the same processor before the send returns,
// which on a real interface the peer's does.
func BenchmarkFanOut(b *testing.B) {
	for _, quote := range []int{28, 1232} {
		for _, peers := range []int{1, 10, 100, 1000} {
			b.Run(fmt.Sprintf("quote=%d/peers=%d", quote, peers), func(b *testing.B) { benchFanOut(b, peers, quote) })
		}
	}
}

func benchFanOut(b *testing.B, peers, quote int) {
	n := labtest.Node(b, "host")
	u, err := NewUDP(udpConfig(quiet))
	must(b, err)
	defer u.Close()
	must(b, n.Do(func() error { return u.Listen(netip.MustParseAddrPort("127.0.0.1:0")) }))
	var list []netip.AddrPort
	for range peers {
		list = append(list, sink(b, n, netip.MustParseAddrPort("127.0.0.1:0")))
	}
	u.SetPeers(list)
	u.pulse = pulse{every: time.Hour, again: time.Hour, down: time.Hour}

	const size = 64
	free := make(chan struct{}, len(u.ring.slots)) // a token for each message under way
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		ended <- u.Run(ctx, Handlers{Done: func(time.Time, *classify.Message, Result) { <-free }})
	}()
	batch := items(size)
	for i := range batch {
		batch[i] = sized(20 + 8 + quote)
	}
	results := make([]Result, size)
	b.ReportAllocs()
	begin := time.Now()
	sends := 0
	for b.Loop() {
		for range size {
			free <- struct{}{}
		}
		u.Send(time.Now(), batch, results)
		sends++
	}
	cancel()
	must(b, <-ended)
	took := time.Since(begin)
	if got, want := u.Stats().Copies, uint64(sends*size*peers); got != want || u.Stats().Errors != 0 {
		b.Fatalf("%d copies and %d errors, want %d and none", got, u.Stats().Errors, want)
	}
	b.ReportMetric(float64(took.Nanoseconds())/float64(sends*size*peers), "ns/copy")
}
