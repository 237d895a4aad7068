package audit

import (
	"iter"
	"sort"
)

// top counts the keys that come most often, in fixed memory: Space-Saving
// (Metwally, Agrawal, El Abbadi: Efficient Computation of Frequent and Top-k
// Elements in Data Streams, 2005). A new key that finds all k counters in use
// takes over the smallest one; its count is the error of the new key's. So of n
// keys
//
//   - none that came more than n/k times is missing;
//   - a count is too large by at most its error, which is at most n/k, and never
//     too small.
//
// An update costs one look-up and a binary search of the counts, and allocates
// nothing. D is what else is kept of a key, from when it got its counter.
type top[D any] struct {
	index   index
	entries []entry[D] // the capacity is k
	// By rank, the largest count first: the counts and the numbers of their
	// entries. Apart from the rest, so that a search touches few cache lines.
	counts []uint64
	ranked []uint16
}

type entry[D any] struct {
	key    uint64
	error  uint64
	rank   uint16
	detail D
}

// newTop makes k counters, a power of two, at most 2^15.
func newTop[D any](k int) top[D] {
	return top[D]{
		index:   newIndex(k),
		entries: make([]entry[D], 0, k),
		counts:  make([]uint64, 0, k),
		ranked:  make([]uint16, 0, k),
	}
}

// add counts a key once and returns what else is kept of it.
func (t *top[D]) add(key uint64) *D {
	number, ok := t.index.find(key)
	if !ok {
		number = t.enter(key)
	}
	t.raise(number)
	return &t.entries[number].detail
}

// enter gives a new key a counter: one of 0, or the smallest.
func (t *top[D]) enter(key uint64) (number uint16) {
	if n := len(t.entries); n < cap(t.entries) {
		number = uint16(n)
		t.entries = append(t.entries, entry[D]{key: key, rank: number})
		t.counts = append(t.counts, 0)
		t.ranked = append(t.ranked, number)
	} else {
		number = t.ranked[n-1]
		e := &t.entries[number]
		t.index.remove(e.key)
		*e = entry[D]{key: key, error: t.counts[n-1], rank: e.rank}
	}
	t.index.insert(key, number)
	return number
}

// raise adds one to a counter. It first changes places with the first of those
// that count as many, so that the order stays.
func (t *top[D]) raise(number uint16) {
	rank := t.entries[number].rank
	count := t.counts[rank]
	first := sort.Search(int(rank), func(r int) bool { return t.counts[r] <= count })
	other := t.ranked[first]
	t.ranked[first], t.ranked[rank] = number, other
	t.entries[other].rank, t.entries[number].rank = rank, uint16(first)
	t.counts[first]++
}

// byRank yields all entries with their counts, the largest first.
func (t *top[D]) byRank() iter.Seq2[*entry[D], uint64] {
	return func(yield func(*entry[D], uint64) bool) {
		for rank, number := range t.ranked {
			if !yield(&t.entries[number], t.counts[rank]) {
				return
			}
		}
	}
}
