package admit

import (
	"hash/maphash"
	"net/netip"

	"ptbrelay/classify"
)

// memory is what the tables know of messages seen before: the keys that were
// admitted, and the flows and routers that were seen at all.
type memory struct {
	hash   func([]byte) uint64
	dedup  dedup
	levels levels
	// The keys at hand live here because what a function value is given
	// escapes: on the stack they would be allocated for each message.
	key    classify.Key
	prefix prefix
	peer   [16]byte
	// touched keeps the compiler from leaving out the loads that touch makes.
	touched uint64
}

func newMemory(hash func([]byte) uint64) memory {
	return memory{hash: hash, dedup: newDedup(dedupSets), levels: newLevels()}
}

// seeded is a hash with a seed of its own, which nobody outside can know.
func seeded() func([]byte) uint64 {
	seed := maphash.MakeSeed()
	return func(b []byte) uint64 { return maphash.Bytes(seed, b) }
}

// find returns the key's hash and its slot in the table of windows, and whether
// its window is still open.
func (y *memory) find(now int64, m *classify.Message) (key uint64, window *sighting, duplicate bool) {
	y.key = m.Key()
	key = y.hash(y.key[:])
	window, duplicate = y.dedup.find(now, key)
	return key, window, duplicate
}

// hashes names a message's flow and router in the tables, and loads what they
// have there.
func (y *memory) hashes(m *classify.Message) (flow, router uint64) {
	flow, router = y.hash(m.Flow[:]), y.hashPrefix(m, m.Router)
	y.touched = y.levels.touch(flow, router)
	return flow, router
}

func (y *memory) hashPrefix(m *classify.Message, a netip.Addr) uint64 {
	y.prefix = prefixOf(m, a.As16())
	return y.hash(y.prefix[:])
}

func (y *memory) hashPeer(a netip.Addr) uint64 {
	y.peer = a.As16()
	return y.hash(y.peer[:])
}
