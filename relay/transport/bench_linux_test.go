package transport

import (
	"testing"
	"time"

	"ptbrelay/integration/labtest"
)

// BenchmarkSend sends batches of 64 on one interface. "discarded": there is no
// carrier, so the kernel throws each frame away instead of handing it to the
// driver, and what is timed is our work and the kernel's up to there.
// "received": the far end of the cable takes each frame in on the same CPU
// before the send returns.
func BenchmarkSend(b *testing.B) {
	const size = 64
	for _, c := range []struct {
		name    string
		farDown bool
	}{{"discarded", true}, {"received", false}} {
		b.Run(c.name, func(b *testing.B) {
			n := labtest.Node(b, "host")
			cable := lay(b, n, "eth0", 1500)
			if c.farDown {
				setDown(b, n, cable.far)
			}
			broadcast := open(b, n, quiet, cable.iface)
			batch := items(size)
			results := make([]Result, size)
			b.ReportAllocs()
			start := time.Now()
			sends := 0
			for b.Loop() {
				broadcast.Send(time.Now(), batch, results)
				sends++
			}
			took := time.Since(start)
			if got := broadcast.Stats(); got.Copies != uint64(sends*size) || got.Errors != 0 {
				b.Fatalf("%d batches of %d: %+v", sends, size, got)
			}
			b.ReportMetric(float64(took.Nanoseconds())/float64(sends*size), "ns/copy")
		})
	}
}
