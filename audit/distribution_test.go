package audit

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"ptbrelay/classify"
)

func observe(d *Distribution, f classify.Family, mtu classify.MTU, times int) {
	for range times {
		d.Observe(&classify.Message{Family: f, MTU: mtu}, classify.Eligible, [6]byte{})
	}
}

// Each value counts in the bucket of the first edge that is not below it, the
// largest 32-bit value in none but the last.
func TestHistogram(t *testing.T) {
	d := NewDistribution()
	observe(d, classify.IPv4, 0, 1)
	observe(d, classify.IPv4, 576, 2)
	observe(d, classify.IPv4, 577, 3)
	observe(d, classify.IPv4, 1280, 4)
	observe(d, classify.IPv4, 1500, 5)
	observe(d, classify.IPv4, 9000, 6)
	observe(d, classify.IPv4, 9001, 7)
	observe(d, classify.IPv6, 1<<32-1, 8)
	observe(d, classify.FamilyUnknown, 1400, 9)

	count, buckets := d.histogram(0)
	if count != 28 {
		t.Errorf("IPv4 count %d, want 28", count)
	}
	for edge, want := range map[float64]uint64{576: 3, 1280: 10, 1499: 10, 1500: 15, 8900: 15, 9000: 21} {
		if buckets[edge] != want {
			t.Errorf("up to %v: %d, want %d", edge, buckets[edge], want)
		}
	}
	count, buckets = d.histogram(1)
	if count != 8 || buckets[9000] != 0 {
		t.Errorf("IPv6 count %d, up to 9000: %d; want 8 and 0", count, buckets[9000])
	}
}

func TestCollector(t *testing.T) {
	d := NewDistribution()
	observe(d, classify.IPv6, 1280, 3)
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
	if h.GetSampleCount() != 3 || h.GetSampleSum() != 3*1280 {
		t.Errorf("count %d sum %v, want 3 and %d", h.GetSampleCount(), h.GetSampleSum(), 3*1280)
	}
}

func TestObserveDoesNotAllocate(t *testing.T) {
	d, m := NewDistribution(), &classify.Message{Family: classify.IPv4, MTU: 1400}
	if n := testing.AllocsPerRun(100, func() { d.Observe(m, classify.Eligible, [6]byte{}) }); n != 0 {
		t.Errorf("Observe allocates %v times", n)
	}
}

// Every value is told by its own name, in the family that it came in.
func TestCounts(t *testing.T) {
	d := NewDistribution()
	observe(d, classify.IPv4, 0, 1)
	observe(d, classify.IPv4, 1400, 2)
	observe(d, classify.IPv6, 1<<32-1, 3)
	want := map[string]map[string]uint64{"ipv4": {"0": 1, "1400": 2}, "ipv6": {"65535": 3}}
	if diff := cmp.Diff(want, d.Counts()); diff != "" {
		t.Error(diff)
	}
}
