package bench

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/cmd/ptbrelay/app"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

func TestMain(m *testing.M) {
	labtest.Main(m, func(args []string) int {
		return app.Run(context.Background(), args, os.Stdin, os.Stdout, os.Stderr)
	})
}

// apart is the time between two PTBs: each is alone, and their rate is half of
// the node's budget.
const apart = 2 * time.Millisecond

// BenchmarkLonePTB sends PTBs to one server, each about a new flow and each
// alone, and reports how long after its arrival there the copy arrived at
// another server, by the kernel's receive timestamps.
func BenchmarkLonePTB(b *testing.B) {
	for _, family := range []classify.Family{classify.IPv4, classify.IPv6} {
		for _, quote := range []int{28, 528, 1232} {
			if family == classify.IPv6 && quote == 28 {
				quote = 48 // an IPv6 header and 8 bytes
			}
			b.Run(fmt.Sprintf("%v/quote=%d", family, quote), func(b *testing.B) {
				lonePTB(b, classifytest.PTB{Family: family, QuoteBytes: quote})
			})
		}
	}
}

func lonePTB(b *testing.B, ptb classifytest.PTB) {
	l := labtest.New(b, lab.Options{Clients: 1, Servers: 2})
	labtest.StartRelay(b, l.Servers[0])
	in := labtest.TapWith(b, l.Servers[0], "eth0", lab.TapOptions{Limit: 1 << 20})
	out := labtest.TapWith(b, l.Servers[1], "eth0", lab.TapOptions{Limit: 1 << 20})

	tick := time.NewTicker(apart)
	defer tick.Stop()
	sent := 0
	for b.Loop() {
		<-tick.C
		sent++
		ptb.ClientPort, ptb.VIPPort = uint16(1+sent%60000), uint16(443+sent/60000)
		if err := l.Router.SendFrame("servers", labtest.FrameTo(b, l, 0, ptb.Bytes())); err != nil {
			b.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Second)
	defer cancel()
	if _, err := out.WaitN(ctx, sent); err != nil {
		b.Fatalf("%d of %d copies: %v", len(out.PTBs()), sent, err)
	}
	report(b, in.PTBs(), out.PTBs())
}

// report pairs arrivals by flow.
func report(b *testing.B, in, out []lab.PTB) {
	arrived := make(map[lab.Flow]time.Time, len(in))
	for _, p := range in {
		if p.Frame.Type == lab.PacketHost {
			arrived[p.Flow] = p.Frame.Time
		}
	}
	var took []time.Duration
	for _, p := range out {
		if at, ok := arrived[p.Flow]; ok && p.Frame.Type == lab.PacketBroadcast {
			took = append(took, p.Frame.Time.Sub(at))
		}
	}
	if len(took) == 0 {
		b.Fatal("no copy seen")
	}
	slices.Sort(took)
	b.ReportMetric(microseconds(took[len(took)/2]), "p50-µs")
	b.ReportMetric(microseconds(took[len(took)*99/100]), "p99-µs")
	b.ReportMetric(0, "ns/op") // the pace is ours
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
