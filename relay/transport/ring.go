package transport

import (
	"context"
	"sync/atomic"
	"time"

	"ptbrelay/classify"
)

// slot is one message that waits for the sender: sealed once, for all peers.
type slot struct {
	datagram [maxDatagram]byte
	size     int
	read     time.Time
	message  classify.Message // without Packet and ICMP
}

// ring is a fixed queue of slots from one goroutine, the producer, to another,
// the consumer, without locks. The producer fills the slot that free returns and
// publishes it; the consumer reads what is ready and releases it.
//
// Positions only grow and are taken modulo the number of slots. Those of the two
// sides are on cache lines of their own.
type ring struct {
	slots []slot
	wake  chan struct{} // of one; written only where the consumer sleeps
	_     cacheLine

	tail     atomic.Uint64 // the next position to fill, and ringClosed
	released uint64        // head, as the producer last saw it
	_        cacheLine

	head   atomic.Uint64 // the next position to read
	asleep atomic.Bool
	_      cacheLine
}

type cacheLine [64]byte

// ringClosed in tail says that nothing can be published any more.
const ringClosed = 1 << 63

// newRing makes a ring of so many slots.
func newRing(size int) *ring {
	return &ring{slots: make([]slot, size), wake: make(chan struct{}, 1)}
}

func (r *ring) at(position uint64) *slot { return &r.slots[position%uint64(len(r.slots))] }

// free returns the slot to fill next, or nil where none is free.
func (r *ring) free() *slot {
	tail := r.tail.Load() &^ ringClosed
	if tail-r.released == uint64(len(r.slots)) {
		r.released = r.head.Load()
		if tail-r.released == uint64(len(r.slots)) {
			return nil
		}
	}
	return r.at(tail)
}

// publish gives the slot that free returned to the consumer. It returns false
// where the ring has been closed; then the slot is nobody's.
func (r *ring) publish() bool {
	tail := r.tail.Load()
	if tail&ringClosed != 0 || !r.tail.CompareAndSwap(tail, tail+1) {
		return false
	}
	if r.asleep.Load() && r.asleep.CompareAndSwap(true, false) {
		r.wake <- struct{}{}
	}
	return true
}

// ready is how many slots there are to read.
func (r *ring) ready() int { return int(r.tail.Load()&^ringClosed - r.head.Load()) }

// slot is the i-th of those that are ready.
func (r *ring) slot(i int) *slot { return r.at(r.head.Load() + uint64(i)) }

// release gives the first n of those that are ready back to the producer.
func (r *ring) release(n int) { r.head.Add(uint64(n)) }

// wait returns when there is something to read or the context ends.
func (r *ring) wait(ctx context.Context) {
	r.asleep.Store(true)
	if r.ready() == 0 {
		select {
		case <-r.wake:
			return
		case <-ctx.Done():
		}
	}
	if !r.asleep.CompareAndSwap(true, false) {
		<-r.wake // the producer saw us asleep: its word comes, or has come
	}
}

// close ends publishing. What has been published is ready still.
func (r *ring) close() { r.tail.Or(ringClosed) }
