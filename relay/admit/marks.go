package admit

import "time"

const (
	millisecond = int64(time.Millisecond)
	markWays    = 8
)

// mark is when a key was first seen: 30 bits of its hash, whether it had a copy
// since, and the time in milliseconds, modulo 2^32 (49 days). Tag 0: free.
//
// Eight bytes keep a set of eight within a cache line. The set and the tag make
// 43 and more seeded bits; a false match costs a token of a reserve.
type mark struct {
	tag   uint32
	first uint32
}

// The lowest bits of a tag.
const (
	used   = 1
	copied = 2
)

// marks is a memory of a fixed size. A full set gives up its oldest mark.
type marks struct {
	table[[markWays]mark]
}

// newMarks makes room for n keys, a power of two.
func newMarks(n int) marks { return marks{newTable[[markWays]mark](n / markWays)} }

// touch loads the cache line that find will need.
func (t *marks) touch(hash uint64) uint64 { return uint64(t.set(hash)[0].first) }

// find returns the key's mark. An unknown key gets one now.
func (t *marks) find(ms uint32, hash uint64) *mark {
	set := t.set(hash)
	tag := uint32(hash)&^copied | used
	oldest := &set[0]
	for i := range set {
		m := &set[i]
		if m.tag&^copied == tag {
			return m
		}
		if m.tag == 0 || oldest.tag != 0 && ms-m.first > ms-oldest.first {
			oldest = m
		}
	}
	*oldest = mark{tag: tag, first: ms}
	return oldest
}
