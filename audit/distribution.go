package audit

import (
	"iter"
	"sync/atomic"

	"ptbrelay/classify"
)

// largestCounted is the largest value counted by its own, in bytes: what an MSS
// and an ICMP message can say. What an ICMPv6 message reports beyond it counts
// there.
const largestCounted = 1<<16 - 1

// Distribution counts sizes in bytes, exactly, by family. One goroutine counts,
// any may read. The zero value is empty. Its memory is fixed: 1 MiB.
type Distribution struct {
	counts [2][largestCounted + 1]atomic.Uint64
	sums   [2]atomic.Uint64 // bytes, of the values as counted
}

// families are those that are counted, in the order of the arrays.
var families = [2]classify.Family{classify.IPv4, classify.IPv6}

// place is a family's place in the arrays.
func place(f classify.Family) int { return int(f - classify.IPv4) }

// add counts one value of a message of family IPv4 or IPv6.
func (d *Distribution) add(f classify.Family, bytes uint32) {
	value := min(bytes, largestCounted)
	d.counts[place(f)][value].Add(1)
	d.sums[place(f)].Add(uint64(value))
}

// each yields the values of a family that were counted and their counts, the
// largest value first, each as it is at that moment.
func (d *Distribution) each(f classify.Family) iter.Seq2[uint32, uint64] {
	counts := &d.counts[place(f)]
	return func(yield func(uint32, uint64) bool) {
		for bytes := largestCounted; bytes >= 0; bytes-- {
			if n := counts[bytes].Load(); n > 0 && !yield(uint32(bytes), n) {
				return
			}
		}
	}
}

// tally returns the counts of a family.
func (d *Distribution) tally(f classify.Family) (t tally) {
	values := 0
	for range d.each(f) {
		values++
	}
	t.values = make([]valueCount, 0, values) // a few more may come meanwhile
	for bytes, count := range d.each(f) {
		t.add(bytes, count)
	}
	return t
}
