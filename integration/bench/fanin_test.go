package bench

import (
	"fmt"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// fanInRate is how many copies a second come to the receiver.
const fanInRate = 20_000

// fanIn is what a copy costs the member that gets it: one that is injected, to the
// end of what the kernel does with it, and one that the budgets refuse.
func (s *summary) fanIn(b *testing.B) {
	for _, c := range []struct{ delivery, limits string }{
		{"injected", "peer: 100000000, peer_burst: 100000000, deliver: 100000000, deliver_burst: 100000000"},
		{"limited-peer", "peer: 1, peer_burst: 1"},
	} {
		b.Run(c.delivery, func(b *testing.B) {
			p := newPair(b, "relay:\n  limits: {"+c.limits+"}\n")
			var cpu time.Duration
			sent := 0
			for b.Loop() {
				cpu += p.send(fanInRate / 2)
				sent += fanInRate / 2
			}
			b.ReportMetric(0, "ns/op")
			name := fmt.Sprintf(`ptbrelay_deliveries_total{family="ipv4",outcome=%q}`, c.delivery)
			got := labtest.Metrics(b, p.lab.Servers[1], labtest.MetricsURL)[name]
			if got < 0.9*float64(sent) {
				b.Fatalf("%v of %d copies were %s", got, sent, c.delivery)
			}
			s.add(b, "cpu-µs/copy", "-", 0, microseconds(cpu)/float64(sent))
		})
	}
}

// pair is two servers with ptbrelay over udp: what comes to the first becomes
// copies at the second.
type pair struct {
	b        *testing.B
	lab      *lab.Lab
	receiver *lab.Process
	sender   *lab.Sender
	messages *numbered
	next     uint32
}

// newPair starts it: without limits where PTBs come in, with this configuration
// where copies do.
func newPair(b *testing.B, receiving string) *pair {
	b.Helper()
	l := labtest.New(b, lab.Options{Shape: lab.ShapeRouted, Servers: 2, Clients: 1, Offload: true})
	start := func(server int, config string) *lab.Process {
		labtest.WriteKeys(b, l.Servers[server], labtest.Key(0))
		return labtest.StartUDPRelay(b, l.Servers[server], append(labtest.Peers(l, lab.IPv4), "--config", configFile(b, config))...)
	}
	p := &pair{b: b, lab: l, receiver: start(1, receiving), next: 1 << 16}
	start(0, noLimits)
	labtest.AwaitPeers(b, l)
	p.sender = labtest.Sender(b, l.Router, l.RouterInterface(0))
	ptb := classifytest.PTB{Family: classify.IPv4, QuoteBytes: 1232}
	p.messages = newNumbered(ptb.Family, labtest.FrameTo(b, l, 0, ptb.Bytes()))
	return p
}

// send has count copies sent and returns the receiver's processor time.
func (p *pair) send(count int) time.Duration {
	p.b.Helper()
	before, taken := labtest.ProcessorTime(p.b, p.receiver), p.taken()
	if _, err := p.sender.Stream(p.b.Context(), lab.Stream{Rate: fanInRate, Count: count, Fill: func(_ int, buf []byte) []byte {
		p.next++
		return p.messages.put(buf, p.next, 0)
	}}); err != nil {
		p.b.Fatal(err)
	}
	labtest.Eventually(p.b, 5*time.Second, "the copies have arrived", func() error {
		if n := p.taken() - taken; n < uint64(count) {
			return fmt.Errorf("%d of %d", n, count)
		}
		return nil
	})
	return labtest.ProcessorTime(p.b, p.receiver) - before
}

// taken is how many datagrams the receiver has read.
func (p *pair) taken() uint64 {
	p.b.Helper()
	counters, err := p.lab.Servers[1].Counters()
	if err != nil {
		p.b.Fatal(err)
	}
	return counters["UdpInDatagrams"]
}
