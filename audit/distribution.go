package audit

import (
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"ptbrelay/classify"
)

// largestCounted is the largest next-hop MTU counted by its own value, in
// bytes; what an ICMPv6 message reports beyond it counts there.
const largestCounted = 1<<16 - 1

// Distribution counts the next-hop MTUs that PTBs report, exactly, by family.
// One goroutine observes, any may read. Its memory is fixed: 1 MiB.
type Distribution struct {
	counts [2][largestCounted + 1]atomic.Uint64
	sums   [2]atomic.Uint64 // bytes, of the values as counted
}

// NewDistribution returns an empty distribution.
func NewDistribution() *Distribution { return new(Distribution) }

var families = [2]classify.Family{classify.IPv4, classify.IPv6}

// Observe counts one message of family IPv4 or IPv6, whatever its verdict.
func (d *Distribution) Observe(m *classify.Message, _ classify.Verdict, _ [6]byte) {
	mtu := min(m.MTU, largestCounted)
	for i, f := range families {
		if m.Family == f {
			d.counts[i][mtu].Add(1)
			d.sums[i].Add(uint64(mtu))
		}
	}
}

// mtuEdges are the upper bounds of the exported histogram's buckets, in bytes:
// the MTUs that tunnels, DSL lines and jumbo networks leave.
var mtuEdges = []float64{576, 1280, 1300, 1350, 1400, 1420, 1450, 1460, 1472, 1480, 1492, 1499, 1500, 4000, 8900, 9000}

// histogram sums the counts up to each edge.
func (d *Distribution) histogram(family int) (count uint64, buckets map[float64]uint64) {
	buckets = make(map[float64]uint64, len(mtuEdges))
	edge := 0
	for mtu := range d.counts[family] {
		for edge < len(mtuEdges) && mtuEdges[edge] < float64(mtu) {
			buckets[mtuEdges[edge]] = count
			edge++
		}
		count += d.counts[family][mtu].Load()
	}
	return count, buckets
}

// Counts returns how often each next-hop MTU was reported, by the family's name
// and the MTU in bytes as a decimal number.
func (d *Distribution) Counts() map[string]map[string]uint64 {
	all := make(map[string]map[string]uint64, len(families))
	for i, f := range families {
		counts := make(map[string]uint64)
		for mtu := range d.counts[i] {
			if n := d.counts[i][mtu].Load(); n > 0 {
				counts[strconv.Itoa(mtu)] = n
			}
		}
		all[f.String()] = counts
	}
	return all
}

var nextHopMTUDesc = prometheus.NewDesc("ptbrelay_next_hop_mtu_bytes",
	"Next-hop MTU that PTBs for our VIPs and ports report, believable or not.",
	[]string{"family"}, nil)

// Collector exports what the audit knows to Prometheus.
type Collector struct{ distribution *Distribution }

// NewCollector makes a collector over a distribution.
func NewCollector(d *Distribution) *Collector { return &Collector{d} }

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) { ch <- nextHopMTUDesc }

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	for i, f := range families {
		count, buckets := c.distribution.histogram(i)
		sum := float64(c.distribution.sums[i].Load())
		ch <- prometheus.MustNewConstHistogram(nextHopMTUDesc, count, sum, buckets, f.String())
	}
}
