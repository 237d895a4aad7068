package audit

import (
	"encoding/json"
	"runtime"
	"testing"

	"ptbrelay/classify"
)

// Who forges PTBs and SYNs has every value counted, once and for good. What is told of
// them then stays small, and so does the memory that telling takes: it comes on top of
// what a daemon is said to need.
func TestForgedValuesTakeNoMemory(t *testing.T) {
	o := NewObservations(nil)
	for value := range uint32(largestCounted + 1) {
		for _, f := range []classify.Family{classify.IPv4, classify.IPv6} {
			o.ptbs.values.add(f, value)
			o.syns.values.add(f, value)
		}
	}
	var told []byte
	const kibi = 1 << 10
	for _, c := range []struct {
		what       string
		tell       func()
		memory, on uint64 // bytes
	}{
		{"a scrape", func() { o.NextHopMTU().histogram(classify.IPv4) }, 16 * kibi, 0},
		{"a report", func() {
			r := new(Report)
			o.Fill(r)
			told = marshal(t, r)
		}, 5000 * kibi, 64 * kibi},
	} {
		told = nil
		if took := allocated(c.tell); took > c.memory || uint64(len(told)) > c.on {
			t.Errorf("%s takes %d bytes of memory and has %d, want %d and %d at most", c.what, took, len(told), c.memory, c.on)
		}
	}
}

func marshal(t *testing.T, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// allocated is how many bytes f asks for.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
