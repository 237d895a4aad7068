package audit

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"ptbrelay/classify"
)

func count(d *Distribution, f classify.Family, bytes uint32, times int) {
	for range times {
		d.add(f, bytes)
	}
}

// Each value counts in the bucket of the first edge that is not below it, the
// largest 32-bit value in none but the last.
func TestHistogram(t *testing.T) {
	d := new(Distribution)
	count(d, classify.IPv4, 0, 1)
	count(d, classify.IPv4, 576, 2)
	count(d, classify.IPv4, 577, 3)
	count(d, classify.IPv4, 1280, 4)
	count(d, classify.IPv4, 1500, 5)
	count(d, classify.IPv4, 9000, 6)
	count(d, classify.IPv4, 9001, 7)
	count(d, classify.IPv6, 1<<32-1, 8)

	total, buckets := d.histogram(classify.IPv4)
	if total != 28 {
		t.Errorf("IPv4 count %d, want 28", total)
	}
	for edge, want := range map[float64]uint64{576: 3, 1280: 10, 1499: 10, 1500: 15, 8900: 15, 9000: 21} {
		if buckets[edge] != want {
			t.Errorf("up to %v: %d, want %d", edge, buckets[edge], want)
		}
	}
	total, buckets = d.histogram(classify.IPv6)
	if total != 8 || buckets[9000] != 0 {
		t.Errorf("IPv6 count %d, up to 9000: %d; want 8 and 0", total, buckets[9000])
	}
}

func TestCollector(t *testing.T) {
	d := new(Distribution)
	count(d, classify.IPv6, 1280, 3)
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(NewCollector(d))
	problems, err := testutil.GatherAndLint(r)
	if err != nil || len(problems) != 0 {
		t.Errorf("%v %v", problems, err)
	}
	found, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	h := found[0].GetMetric()[1].GetHistogram()
	if found[0].GetName() != "ptbrelay_next_hop_mtu_bytes" || h.GetSampleCount() != 3 || h.GetSampleSum() != 3*1280 {
		t.Errorf("%s: count %d sum %v, want 3 and %d", found[0].GetName(), h.GetSampleCount(), h.GetSampleSum(), 3*1280)
	}
}
