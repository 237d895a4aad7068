package audit

import "hash/maphash"

// index finds the number of a key, in fixed memory: open addressing with linear
// probing, at most half full. The seed keeps others from choosing keys that
// collide.
type index struct {
	seed  maphash.Seed
	slots []slot // a power of two
}

type slot struct {
	key    uint64
	number uint16
	used   bool
}

// newIndex makes an index of at most n keys, a power of two.
func newIndex(n int) index {
	return index{seed: maphash.MakeSeed(), slots: make([]slot, 2*n)}
}

// home is where a key belongs.
func (x *index) home(key uint64) int {
	return int(maphash.Comparable(x.seed, key)) & (len(x.slots) - 1)
}

func (x *index) next(i int) int { return (i + 1) & (len(x.slots) - 1) }

// locate returns the key's slot, or the free one where it would go.
func (x *index) locate(key uint64) int {
	i := x.home(key)
	for x.slots[i].used && x.slots[i].key != key {
		i = x.next(i)
	}
	return i
}

func (x *index) find(key uint64) (number uint16, ok bool) {
	s := &x.slots[x.locate(key)]
	return s.number, s.used
}

// insert adds a key that is not there.
func (x *index) insert(key uint64, number uint16) {
	x.slots[x.locate(key)] = slot{key, number, true}
}

// remove takes away a key that is there, and moves up those behind that would not
// be found across the gap (Knuth, TAOCP 6.4, algorithm R).
func (x *index) remove(key uint64) {
	mask := len(x.slots) - 1
	gap := x.locate(key)
	for i := x.next(gap); x.slots[i].used; i = x.next(i) {
		if fromHome := (i - x.home(x.slots[i].key)) & mask; fromHome >= (i-gap)&mask {
			x.slots[gap] = x.slots[i]
			gap = i
		}
	}
	x.slots[gap] = slot{}
}
