package bench

import (
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/relay/admit"
)

// decideFlows is how many flows there are in turns: too many for the
// processor's nearer caches.
const decideFlows = 1 << 16

// decide is what every message costs ptbrelay without the kernel: decode,
// classify, admit. Each is about a flow that was forgotten long ago.
func (s *summary) decide(b *testing.B) {
	packets := make([][]byte, decideFlows)
	n := newNumbered(classify.IPv4, append(make([]byte, 14), classifytest.PTB{QuoteBytes: 28}.Bytes()...))
	for i := range packets {
		packets[i] = n.put(nil, 1<<16+uint32(i), 0)[14:]
	}
	policy := classifytest.Policy()
	policy.Ports = classify.PortSet{}
	unlimited := admit.PerSecond(1e8, 1e8)
	limits := admit.Limits{Node: unlimited, Router: unlimited, Client: unlimited}
	admitter := admit.New()
	var decoder classify.Decoder
	now := int64(0)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		now += int64(time.Minute) / decideFlows // a turn is a minute
		m, verdict := decoder.Decode(packets[i%decideFlows])
		if verdict == classify.Eligible {
			verdict = policy.Classify(m)
		}
		if verdict != classify.Eligible {
			b.Fatal(verdict)
		}
		if refused, ok := admitter.Admit(now, m, &limits); !ok {
			b.Fatal(refused)
		}
		i++
	}
	s.add(b, "ns/message", "250", 0, float64(b.Elapsed().Nanoseconds())/float64(i))
}
