package transport

import (
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// roundSize is the most slots that are sent in one round.
	roundSize = 64
	// trainLength is the most datagrams in one message. Nearly all that a message
	// costs the kernel is per message.
	trainLength = 16
)

// load is the slots of one round, the longest first.
type load struct {
	slots  []*slot
	sent   []bool // whether the kernel took a copy
	iovecs [roundSize]unix.Iovec
	trains []train

	slotsOf [roundSize]*slot
	sentOf  [roundSize]bool
	room    [roundSize]train
}

// train is datagrams that go to a peer in one message, which the kernel or the
// network card cuts apart (UDP_SEGMENT, udp(7)): all of one size, but the last,
// which may be shorter.
type train struct {
	first, n int // in load.slots
	control  segmentSize
}

// segmentSize is the control message UDP_SEGMENT (cmsg(3)).
type segmentSize struct {
	header unix.Cmsghdr
	size   uint16
	_      [6]byte
}

// take takes what is ready in the ring, which keeps it until it is released.
func (l *load) take(r *ring) {
	n := min(r.ready(), roundSize)
	l.slots, l.sent = l.slotsOf[:n], l.sentOf[:n]
	clear(l.sent)
	for i := range l.slots {
		l.slots[i] = r.slot(i)
	}
	slices.SortFunc(l.slots, func(a, b *slot) int { return b.size - a.size })
	for i, s := range l.slots {
		l.iovecs[i].Base = unsafe.SliceData(s.datagram[:])
		l.iovecs[i].SetLen(s.size)
	}
}

// couple makes trains of the slots, none longer than length.
func (l *load) couple(length int) {
	l.trains = l.room[:0]
	for first := 0; first < len(l.slots); {
		end, size := first+1, l.slots[first].size
		for end < len(l.slots) && end-first < length && l.slots[end-1].size == size {
			end++
		}
		t := train{first: first, n: end - first}
		if t.n > 1 {
			t.control.set(size)
		}
		l.trains = append(l.trains, t)
		first = end
	}
}

func (c *segmentSize) set(size int) {
	c.header.Level, c.header.Type = unix.SOL_UDP, unix.UDP_SEGMENT
	c.header.SetLen(unix.CmsgLen(int(unsafe.Sizeof(c.size))))
	c.size = uint16(size)
}

// write makes a message of a train.
func (l *load) write(h *unix.Msghdr, t *train) {
	h.Iov = &l.iovecs[t.first]
	h.SetIovlen(t.n)
	h.Control = nil
	h.SetControllen(0)
	if t.n > 1 {
		h.Control = (*byte)(unsafe.Pointer(&t.control))
		h.SetControllen(unix.CmsgSpace(int(unsafe.Sizeof(t.control.size))))
	}
}
