package admit

import (
	"hash/maphash"

	"ptbrelay/classify"
	"ptbrelay/relay/outcome"
)

// Limits are the budgets of one node. They may change between two calls of
// Admit; what the tables remember survives that.
type Limits struct {
	// Node bounds all copies that this node makes of what it receives, in
	// messages; each costs one copy a peer (or one broadcast frame an
	// interface).
	Node Rate
}

// Admitter holds what one node remembers of the messages that it admitted.
type Admitter struct {
	seed  maphash.Seed
	dedup dedup
	node  bucket
}

// New allocates the tables, 2 MiB, and seeds their hash.
func New() *Admitter {
	return &Admitter{seed: maphash.MakeSeed(), dedup: newDedup(dedupSets)}
}

// Admit says whether the message deserves a copy now; if not, the outcome says
// why. now is in nanoseconds and must not go back. A refused message leaves no
// trace: it neither opens nor extends a window and is charged to no bucket.
func (a *Admitter) Admit(now int64, m *classify.Message, l *Limits) (refused outcome.Outcome, admitted bool) {
	key := m.Key()
	hash := maphash.Bytes(a.seed, key[:])
	seen, duplicate := a.dedup.find(now, hash)
	if duplicate {
		return outcome.Duplicate, false
	}
	// The buckets of the client's and the router's prefix stand before the
	// node's: nothing is charged unless all of them admit.
	if !a.node.take(now, l.Node) {
		return outcome.LimitedNode, false
	}
	seen.admit(now, hash)
	return 0, true
}
