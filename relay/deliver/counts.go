package deliver

import (
	"sync/atomic"

	"ptbrelay/classify"
	"ptbrelay/relay/outcome"
)

// counts are incremented where the thing happens; none is computed from others.
type counts struct {
	received   [classify.NumFamilies]atomic.Uint64
	verdicts   [classify.NumFamilies][classify.NumVerdicts]atomic.Uint64
	deliveries [classify.NumFamilies][outcome.NumDeliveries]atomic.Uint64
	results    [classify.NumFamilies][NumResults]atomic.Uint64
}

func (c *counts) verdict(f classify.Family, v classify.Verdict) {
	c.received[f].Add(1)
	c.verdicts[f][v].Add(1)
}

func (c *counts) delivery(f classify.Family, d outcome.Delivery) { c.deliveries[f][d].Add(1) }

func (c *counts) result(f classify.Family, r Result) { c.results[f][r].Add(1) }

// Stats is a reading of the counts since the start.
type Stats struct {
	Received   [classify.NumFamilies]uint64
	Verdicts   [classify.NumFamilies][classify.NumVerdicts]uint64
	Deliveries [classify.NumFamilies][outcome.NumDeliveries]uint64
	// Applied are the results of the sample.
	Applied [classify.NumFamilies][NumResults]uint64
}

// read takes a reading. While nothing is being handled, received is the sum of
// the verdicts, and the verdict eligible that of the deliveries.
func (c *counts) read() (s Stats) {
	for f := range s.Received {
		s.Received[f] = c.received[f].Load()
		for v := range s.Verdicts[f] {
			s.Verdicts[f][v] = c.verdicts[f][v].Load()
		}
		for d := range s.Deliveries[f] {
			s.Deliveries[f][d] = c.deliveries[f][d].Load()
		}
		for r := range s.Applied[f] {
			s.Applied[f][r] = c.results[f][r].Load()
		}
	}
	return s
}
