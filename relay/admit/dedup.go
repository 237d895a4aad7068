package admit

const (
	// firstWindow is below TCP's smallest retransmission timeout (200 ms on
	// Linux), so that the PTB that a retransmission provokes is a new chance.
	firstWindow = 150 * millisecond
	// longestMemory is how long a key is remembered after its last copy, and the
	// longest window.
	longestMemory = 10_000 * millisecond

	dedupWays = 4
	dedupSets = 1 << 15 // 2^17 keys of 16 bytes: 13 000 copies a second for 10 s
)

// sighting is one remembered key: 60 bits of its hash, the number of copies it
// had (4 bits, 0: the slot is free) and when the last one was made.
//
// Sixteen bytes keep a set of four within a cache line. 45 of the seeded bits
// tell the keys of a set apart (15 chose it): one look-up in 2^43 of a full set
// matches falsely, and which one is out of an attacker's reach.
type sighting struct {
	tag  uint64
	last int64
}

const copiesMask = 1<<4 - 1

func (s *sighting) copies() uint64 { return s.tag & copiesMask }

func (s *sighting) is(hash uint64) bool {
	return s.copies() != 0 && s.tag&^copiesMask == hash&^copiesMask
}

// window is how long after the last copy the key is a duplicate: 150 ms,
// doubling with every copy, as TCP backs off.
func (s *sighting) window() int64 {
	return min(firstWindow<<(s.copies()-1), longestMemory)
}

// admit opens the next window of the key, or its first one where the slot held
// another key or had been forgotten.
func (s *sighting) admit(now int64, hash uint64) {
	copies := uint64(1)
	if s.is(hash) && now-s.last < longestMemory {
		copies = s.copies() + 1 // at most 8: then the window is as long as the memory
	}
	*s = sighting{tag: hash&^copiesMask | copies, last: now}
}

// dedup is a table of fixed size, four ways a set. A full set gives up the
// sighting that is oldest: only admitted messages enter, so what an attacker
// can push out is bounded by the node's bucket.
type dedup struct {
	table[[dedupWays]sighting]
}

func newDedup(sets int) dedup { return dedup{newTable[[dedupWays]sighting](sets)} }

// find returns the slot of the key, or the one to put it in, and whether the
// key's window is still open.
func (d *dedup) find(now int64, hash uint64) (slot *sighting, duplicate bool) {
	set := d.set(hash)
	slot = &set[0]
	for i := range set {
		s := &set[i]
		if s.is(hash) {
			return s, now-s.last < s.window()
		}
		if s.copies() == 0 {
			if slot.copies() != 0 {
				slot = s
			}
		} else if slot.copies() != 0 && s.last < slot.last {
			slot = s
		}
	}
	return slot, false
}
