package transport

import (
	"context"
	"errors"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"ptbrelay/classify"
)

const (
	// callSize is the most copies that one system call sends: enough that the
	// call itself costs nothing, few enough that the processor is given back
	// within a fraction of a millisecond.
	callSize = 256
	// patience is how long the sender waits for room in a socket's buffer before
	// it gives up the copies at hand.
	patience = 10 * time.Millisecond
	// drainTime bounds the work on what is queued when Run ends.
	drainTime = 200 * time.Millisecond
)

// sender takes slots from the ring and fans each out to all peers. It belongs to
// one goroutine.
type sender struct {
	udp  *UDP
	done Done
	set  *peerSet // what the fans are made for
	fans [classify.NumFamilies]fan
	sent []bool // of the slots at hand: whether the kernel took a copy
}

// fan is the messages to the peers of one family: a copy of each of several
// slots for each peer, slot by slot.
type fan struct {
	peers    []*peer
	messages []mmsghdr
	iovecs   []unix.Iovec // one a slot, for all its copies
}

func newSender(u *UDP, done Done) *sender {
	s := &sender{udp: u, done: done}
	s.adopt(u.peers.Load())
	return s
}

// run sends until the context ends, then what is queued already, for a bounded
// time; what is left after that has failed.
func (s *sender) run(ctx context.Context) {
	ring := s.udp.ring
	for ctx.Err() == nil {
		if ring.ready() == 0 {
			ring.wait(ctx)
			continue
		}
		s.round()
	}
	ring.close()
	for deadline := time.Now().Add(drainTime); ring.ready() > 0 && time.Now().Before(deadline); {
		s.round()
	}
	for ring.ready() > 0 {
		s.end(ring.slot(0), false)
		ring.release(1)
	}
}

// round sends as many of the slots that are ready as one call per family takes.
func (s *sender) round() {
	if set := s.udp.peers.Load(); set != s.set {
		s.adopt(set)
	}
	ring := s.udp.ring
	n := min(ring.ready(), len(s.sent))
	clear(s.sent[:n])
	until := time.Time{}
	for _, f := range families {
		if len(s.fans[f].peers) > 0 {
			s.fanOut(f, n, &until)
		}
	}
	for i := range n {
		s.end(ring.slot(i), s.sent[i])
	}
	ring.release(n)
}

// end tells what became of a slot.
func (s *sender) end(slot *slot, sent bool) {
	result := Failed
	if sent {
		result = Sent
	}
	s.done(slot.read, &slot.message, result)
}

// adopt makes the messages for a set of peers.
func (s *sender) adopt(set *peerSet) {
	s.set = set
	slots := max(1, callSize/max(1, len(set.peers)))
	s.sent = make([]bool, slots)
	for _, f := range families {
		s.fans[f] = newFan(set.byFamily[f], slots)
	}
}

func newFan(peers []*peer, slots int) fan {
	f := fan{peers: peers, messages: make([]mmsghdr, slots*len(peers)), iovecs: make([]unix.Iovec, slots)}
	for i := range f.messages {
		p, h := peers[i%len(peers)], &f.messages[i].hdr
		h.Name, h.Namelen = &p.name[0], p.name.size()
		h.Iov = &f.iovecs[i/len(peers)]
		h.SetIovlen(1)
	}
	return f
}

// fanOut sends the first n slots of the ring to the peers of a family. until is
// when patience ends, once it has begun.
func (s *sender) fanOut(family classify.Family, n int, until *time.Time) {
	fan := &s.fans[family]
	socket := s.udp.sockets[family].Load()
	if socket == nil {
		s.udp.errors.Add(uint64(n * len(fan.peers)))
		for _, p := range fan.peers {
			s.udp.refused(p, errNoSocket)
		}
		return
	}
	for i := range n {
		slot := s.udp.ring.slot(i)
		fan.iovecs[i].Base = unsafe.SliceData(slot.datagram[:])
		fan.iovecs[i].SetLen(slot.size)
	}
	messages := fan.messages[:n*len(fan.peers)]
	for next := 0; next < len(messages); {
		call := messages[next:min(next+callSize, len(messages))]
		taken, errno := socket.send(call)
		if errno == unix.EAGAIN {
			if until.IsZero() {
				*until = time.Now().Add(patience)
			}
			taken, errno = socket.sendWaiting(call, *until)
		}
		switch {
		case taken > 0:
			s.took(fan, next, taken)
			next += taken
		case errno == unix.EINTR:
		case errno == unix.EAGAIN:
			// Nobody's fault in particular: the socket's buffer stays full.
			s.udp.errors.Add(uint64(len(messages) - next))
			return
		case errno == unix.ENOBUFS || errno == unix.ENOMEM:
			// The kernel is short of memory at this moment.
			s.udp.errors.Add(1)
			next++
		default:
			s.udp.errors.Add(1)
			s.udp.refused(fan.peers[next%len(fan.peers)], errno)
			next++
		}
	}
}

// took notes n copies that the kernel took.
func (s *sender) took(f *fan, first, n int) {
	s.udp.copies.Add(uint64(n))
	for i := first / len(f.peers); i <= (first+n-1)/len(f.peers); i++ {
		s.sent[i] = true
	}
}

var errNoSocket = errors.New("there is no address of its family to send from")
