package relay

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"ptbrelay/classify"
	"ptbrelay/relay/outcome"
)

// counts are incremented where the thing happens; none is computed from others,
// so that the laws between them can be checked.
type counts struct {
	received [classify.NumFamilies]atomic.Uint64
	verdicts [classify.NumFamilies][classify.NumVerdicts]atomic.Uint64
	outcomes [classify.NumFamilies][outcome.NumOutcomes]atomic.Uint64
	latency  prometheus.Histogram
}

func newCounts() counts {
	return counts{latency: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "ptbrelay_relay_latency_seconds",
		Help: "Time from the return of the read that brought a message to the return of the send of its copies.",
		Buckets: []float64{
			10e-6, 20e-6, 50e-6, 100e-6, 200e-6, 500e-6,
			1e-3, 2e-3, 5e-3, 10e-3, 20e-3, 50e-3, 100e-3, 200e-3, 500e-3, 1,
		},
	})}
}

func (c *counts) verdict(f classify.Family, v classify.Verdict) {
	c.received[f].Add(1)
	c.verdicts[f][v].Add(1)
}

func (c *counts) outcome(f classify.Family, o outcome.Outcome) {
	c.outcomes[f][o].Add(1)
}

// Stats is a reading of the relay's counts since its start.
type Stats struct {
	Received [classify.NumFamilies]uint64
	Verdicts [classify.NumFamilies][classify.NumVerdicts]uint64
	Outcomes [classify.NumFamilies][outcome.NumOutcomes]uint64
}

// Stats may be called from any goroutine. The laws between the counts hold
// exactly when no batch is being handled and the transport holds none back.
func (r *Relay) Stats() Stats {
	var s Stats
	for f := range s.Received {
		s.Received[f] = r.counts.received[f].Load()
		for v := range s.Verdicts[f] {
			s.Verdicts[f][v] = r.counts.verdicts[f][v].Load()
		}
		for o := range s.Outcomes[f] {
			s.Outcomes[f][o] = r.counts.outcomes[f][o].Load()
		}
	}
	return s
}
