package replay

import (
	"hash/maphash"
	"time"

	"ptbrelay/classify"
)

// copiesKept is how many copies are remembered: more than the default budgets
// allow in 10 s, after which all are forgotten.
const copiesKept = 1 << 15

// lastCopies remembers when a flow and MTU had its last copy. It has a fixed size;
// a later copy takes the place of an earlier one.
type lastCopies struct {
	seed   maphash.Seed
	copies [copiesKept]lastCopy
}

type lastCopy struct {
	key classify.Key // zero: there is none
	at  time.Duration
}

func newLastCopies() *lastCopies { return &lastCopies{seed: maphash.MakeSeed()} }

func (l *lastCopies) place(k classify.Key) *lastCopy {
	return &l.copies[maphash.Bytes(l.seed, k[:])%copiesKept]
}

// note remembers that the message had a copy.
func (l *lastCopies) note(now time.Duration, m *classify.Message) {
	k := m.Key()
	*l.place(k) = lastCopy{key: k, at: now}
}

// age is how long ago a message of the same flow and MTU had a copy, if that is
// remembered.
func (l *lastCopies) age(now time.Duration, m *classify.Message) (ago time.Duration, ok bool) {
	k := m.Key()
	c := l.place(k)
	return now - c.at, c.key == k
}
