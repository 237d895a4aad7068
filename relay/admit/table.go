package admit

// table is a memory of fixed size, made of sets, a power of two of them: an
// entry stands somewhere in the set that its hash chooses, so that one look-up
// is one cache line.
type table[Set any] []Set

// newTable makes a table whose memory is there from the start. Otherwise the
// kernel would fetch each page when the first message needs it, a few
// microseconds apiece, and the first flood would be the slowest.
func newTable[Set any](sets int) table[Set] {
	t := make(table[Set], sets)
	clear(t)
	return t
}

func (t table[Set]) set(hash uint64) *Set { return &t[hash>>32&uint64(len(t)-1)] }
