package audit

import "sync/atomic"

// queue hands samples from one goroutine, the producer, to whoever reads, one at
// a time, without a lock and without waking anybody: the reader comes by itself.
//
// Positions only grow and are taken modulo the number of slots, a power of two.
// Those of the two sides are on cache lines of their own.
type queue struct {
	slots []sample
	_     cacheLine

	tail     atomic.Uint64 // the next position to fill
	released uint64        // head, as the producer last saw it
	_        cacheLine

	head atomic.Uint64 // the next position to read
	_    cacheLine
}

type cacheLine [64]byte

func newQueue(size int) *queue { return &queue{slots: make([]sample, size)} }

func (q *queue) at(position uint64) *sample { return &q.slots[position&uint64(len(q.slots)-1)] }

// put copies a sample into the queue. It returns false where that is full.
func (q *queue) put(s *sample) bool {
	tail := q.tail.Load()
	if tail-q.released == uint64(len(q.slots)) {
		q.released = q.head.Load()
		if tail-q.released == uint64(len(q.slots)) {
			return false
		}
	}
	*q.at(tail) = *s
	q.tail.Store(tail + 1)
	return true
}

// drain gives away what is in the queue at this moment. The sample is valid until
// take returns.
func (q *queue) drain(take func(*sample)) {
	tail := q.tail.Load()
	for position := q.head.Load(); position != tail; position++ {
		take(q.at(position))
		q.head.Store(position + 1)
	}
}
