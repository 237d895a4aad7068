package audit

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/classify"
)

// The shares of a handful of values, written out by hand.
func TestValues(t *testing.T) {
	var d Distribution
	count(&d, classify.IPv6, 1440, 5)
	count(&d, classify.IPv6, 1360, 3)
	count(&d, classify.IPv6, 1220, 2)
	want := Values{Family: "ipv6", Samples: 10, Counts: []Count{
		{Bytes: 1440, MTU: 1500, Count: 5, Share: 0.5, Cumulative: 0.5},
		{Bytes: 1360, MTU: 1420, Count: 3, Share: 0.3, Cumulative: 0.8},
		{Bytes: 1220, MTU: 1280, Count: 2, Share: 0.2, Cumulative: 1},
	}}
	if diff := cmp.Diff(want, d.tally(classify.IPv6).report(classify.IPv6, 60)); diff != "" {
		t.Error(diff)
	}
	empty := Values{Family: "ipv4", Counts: []Count{}}
	if diff := cmp.Diff(empty, d.tally(classify.IPv4).report(classify.IPv4, 40)); diff != "" {
		t.Error(diff)
	}
}

// Of too many values those are named that came most often, and the shares are
// still of all.
func TestValuesAreBounded(t *testing.T) {
	var d Distribution
	for bytes := range uint32(1000) {
		count(&d, classify.IPv4, bytes, 1)
	}
	for i := range uint32(MaxValues) {
		count(&d, classify.IPv4, 100+10*i, 1)
	}
	v := d.tally(classify.IPv4).report(classify.IPv4, 0)
	if len(v.Counts) != MaxValues || v.Samples != 1000+MaxValues || v.OtherValues != 1000-MaxValues || v.Other != 1000-MaxValues {
		t.Fatalf("%d values named of %d samples, %d in %d others", len(v.Counts), v.Samples, v.Other, v.OtherValues)
	}
	for i, c := range v.Counts {
		bytes := uint32(100 + 10*(MaxValues-1-i))
		above := 1000 - bytes + uint32(i) + 1 // one each, and another of those named
		if c.Bytes != bytes || c.Count != 2 || c.Share != 2./1050 || math.Abs(c.Cumulative-float64(above)/1050) > 1e-12 {
			t.Errorf("%d. is %+v, want %d twice and %d from the top", i, c, bytes, above)
		}
	}
}

// Lines are at every 20 bytes and at the values in between; a value at a line's
// MTU is spared by it, one a byte smaller is not.
func TestEdge(t *testing.T) {
	var d Distribution
	for _, mtu := range []uint32{1500, 1499, 1420, 1419, 1280, 1279, 9000, 576} {
		count(&d, classify.IPv4, mtu, 1)
	}
	want := []EdgeLine{
		{1500, 2. / 8}, {1499, 3. / 8}, {1480, 3. / 8}, {1460, 3. / 8}, {1440, 3. / 8}, {1420, 4. / 8}, {1419, 5. / 8},
		{1400, 5. / 8}, {1380, 5. / 8}, {1360, 5. / 8}, {1340, 5. / 8}, {1320, 5. / 8}, {1300, 5. / 8}, {1280, 6. / 8},
	}
	e := d.tally(classify.IPv4).edge(classify.IPv4, PathPTBs, 0)
	if diff := cmp.Diff(Edge{Family: "ipv4", Side: PathPTBs, Samples: 8, Lines: want}, e); diff != "" {
		t.Error(diff)
	}
}

func TestEnoughSamples(t *testing.T) {
	var d Distribution
	count(&d, classify.IPv6, 1440, EnoughSamples-1)
	if d.tally(classify.IPv6).edge(classify.IPv6, ClientMSS, 60).Enough {
		t.Errorf("%d samples are enough", EnoughSamples-1)
	}
	count(&d, classify.IPv6, 1440, 1)
	if !d.tally(classify.IPv6).edge(classify.IPv6, ClientMSS, 60).Enough {
		t.Errorf("%d samples are not enough", EnoughSamples)
	}
	if worst := 0.5 / math.Sqrt(EnoughSamples); worst > 0.01 {
		t.Errorf("the standard error may be %v, want one per cent at most", worst)
	}
}
