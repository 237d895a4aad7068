package admit

import "time"

const (
	millisecond = int64(time.Millisecond)
	markWays    = 8
)

// mark is when a key was first seen: 32 bits of its hash (0: free) and the time
// in milliseconds, modulo 2^32 (49 days).
//
// Eight bytes keep a set of eight within a cache line. The set and the tag make
// 44 and more seeded bits; a false match costs a token of a reserve.
type mark struct {
	tag   uint32
	first uint32
}

// marks is a memory of a fixed size. A full set gives up its oldest mark.
type marks struct {
	sets [][markWays]mark
}

// newMarks makes room for n keys, a power of two.
func newMarks(n int) marks { return marks{sets: resident[[markWays]mark](n / markWays)} }

func (t *marks) set(hash uint64) *[markWays]mark {
	return &t.sets[hash>>32&uint64(len(t.sets)-1)]
}

// touch loads the cache line that find will need.
func (t *marks) touch(hash uint64) uint64 { return uint64(t.set(hash)[0].first) }

// find returns the key's mark. An unknown key gets one now.
func (t *marks) find(ms uint32, hash uint64) *mark {
	set := t.set(hash)
	tag := uint32(hash) | 1
	oldest := &set[0]
	for i := range set {
		m := &set[i]
		if m.tag == tag {
			return m
		}
		if m.tag == 0 || oldest.tag != 0 && ms-m.first > ms-oldest.first {
			oldest = m
		}
	}
	*oldest = mark{tag: tag, first: ms}
	return oldest
}
