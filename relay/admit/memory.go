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
}

func newMemory(hash func([]byte) uint64) memory {
	return memory{hash: hash, dedup: newDedup(dedupSets), levels: newLevels()}
}

// seeded is a hash with a seed of its own, which nobody outside can know.
func seeded() func([]byte) uint64 {
	seed := maphash.MakeSeed()
	return func(b []byte) uint64 { return maphash.Bytes(seed, b) }
}

// hashKey hashes flow and MTU.
func (y *memory) hashKey(m *classify.Message) uint64 {
	y.key = m.Key()
	return y.hash(y.key[:])
}

// level hashes flow and router, remembers both and says what they are.
func (y *memory) level(now int64, m *classify.Message) (l level, router uint64) {
	router = y.hashPrefix(m, m.Router)
	return y.levels.of(now, y.hash(m.Flow[:]), router), router
}

func (y *memory) hashPrefix(m *classify.Message, a netip.Addr) uint64 {
	y.prefix = prefixOf(m, a.As16())
	return y.hash(y.prefix[:])
}

func (y *memory) hashPeer(a netip.Addr) uint64 {
	y.peer = a.As16()
	return y.hash(y.peer[:])
}
