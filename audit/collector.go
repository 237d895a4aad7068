package audit

import (
	"github.com/prometheus/client_golang/prometheus"

	"ptbrelay/classify"
)

// mtuEdges are the upper bounds of the exported histogram's buckets, in bytes:
// the MTUs that tunnels, DSL lines and jumbo networks leave.
var mtuEdges = []float64{576, 1280, 1300, 1350, 1400, 1420, 1450, 1460, 1472, 1480, 1492, 1499, 1500, 4000, 8900, 9000}

// histogram sums the counts up to each edge. However many values there are, it
// keeps none of them: who forges PTBs chooses how many.
func (d *Distribution) histogram(f classify.Family) (count uint64, buckets map[float64]uint64) {
	sums := make([]uint64, len(mtuEdges)+1) // what is in each bucket alone
	at := len(mtuEdges)
	for bytes, n := range d.each(f) {
		for at > 0 && float64(bytes) <= mtuEdges[at-1] {
			at--
		}
		sums[at] += n
	}
	buckets = make(map[float64]uint64, len(mtuEdges))
	for i, edge := range mtuEdges {
		count += sums[i]
		buckets[edge] = count
	}
	return count + sums[len(mtuEdges)], buckets
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("ptbrelay_"+name, help, labels, nil)
}

var nextHopMTUDesc = desc("next_hop_mtu_bytes",
	"Next-hop MTU in bytes that PTBs for our VIPs and ports report, believable or not.", "family")

// Collector exports what PTBs say to Prometheus.
type Collector struct{ distribution *Distribution }

// NewCollector makes a collector over a distribution of next-hop MTUs.
func NewCollector(d *Distribution) *Collector { return &Collector{d} }

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) { ch <- nextHopMTUDesc }

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	for _, f := range families {
		count, buckets := c.distribution.histogram(f)
		sum := float64(c.distribution.sums[place(f)].Load())
		ch <- prometheus.MustNewConstHistogram(nextHopMTUDesc, count, sum, buckets, f.String())
	}
}
