package transport

import (
	"context"
	"errors"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ptbrelay/classify"
)

const (
	// callSize is the most messages of one system call: enough that the call
	// itself costs nothing, few enough that the processor is given back within a
	// millisecond.
	callSize = 64
	// patience is how long a round waits for room in the sockets' buffers before
	// it gives up the copies that are left.
	patience = 10 * time.Millisecond
	// trainRetry is when trains are tried again where they did not get through: one
	// peer behind a small MTU must not end them for all, for ever.
	trainRetry = time.Minute
	// drainTime bounds the work on what is queued when Run ends.
	drainTime = 200 * time.Millisecond
)

// sender takes slots from the ring and fans each out to all peers. It belongs to
// one goroutine.
type sender struct {
	udp   *UDP
	done  Done
	load  load
	peers *peerSet
	// alone: trains do not get through, by family, until retry or other peers.
	alone    [classify.NumFamilies]bool
	retry    time.Time
	messages [callSize]mmsghdr
	single   [1]mmsghdr
	until    time.Time // the end of patience in this round, once it is tried
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
		s.round(true)
	}
	ring.close()
	for end := time.Now().Add(drainTime); ring.ready() > 0; {
		s.round(time.Now().Before(end))
	}
}

// round sends some of the slots that are ready, or fails them, and tells what
// became of each.
func (s *sender) round(send bool) {
	s.load.take(s.udp.ring)
	if send {
		s.send()
	} else {
		s.udp.errors.Add(uint64(len(s.load.slots) * len(s.udp.peers.Load().peers)))
	}
	for i, slot := range s.load.slots {
		result := Failed
		if s.load.sent[i] {
			result = Sent
		}
		s.done(slot.read, &slot.message, result)
	}
	s.udp.ring.release(len(s.load.slots))
}

// send sends the load to the peers of both families.
func (s *sender) send() {
	now := time.Now()
	if peers := s.udp.peers.Load(); peers != s.peers || now.After(s.retry) {
		s.peers, s.retry = peers, now.Add(trainRetry)
		clear(s.alone[:])
	}
	s.until = time.Time{}
	for _, f := range families {
		peers := s.peers.byFamily[f]
		if len(peers) == 0 {
			continue
		}
		if socket := s.udp.sockets[f].Load(); socket != nil {
			s.fanOut(f, socket, peers)
			continue
		}
		s.udp.errors.Add(uint64(len(s.load.slots) * len(peers)))
		for _, p := range peers {
			s.udp.refused(p, errNoSocket)
		}
	}
}

var errNoSocket = errors.New("there is no address of its family to send from")

// fanOut sends every train to every peer of a family.
func (s *sender) fanOut(f classify.Family, socket *socket, peers []*peer) {
	length := trainLength
	if s.alone[f] {
		length = 1
	}
	s.load.couple(length)
	all := len(s.load.trains) * len(peers)
	for next := 0; next < all; {
		call := s.fill(peers, next, all)
		for len(call) > 0 {
			n, errno := s.call(socket, call)
			if errno == unix.EAGAIN {
				s.giveUp(peers, next)
				return
			}
			for i := range n {
				s.took(&s.load.trains[(next+i)/len(peers)])
			}
			if errno != 0 {
				s.failed(f, socket, peers[next%len(peers)], &s.load.trains[next/len(peers)], errno)
				n = 1
			}
			call, next = call[n:], next+n
		}
	}
}

// fill makes the messages for one call: of all of them, train by train and peer by
// peer, those from next on.
func (s *sender) fill(peers []*peer, next, all int) []mmsghdr {
	call := s.messages[:min(callSize, all-next)]
	train, to := next/len(peers), next%len(peers)
	for i := range call {
		h, p := &call[i].hdr, peers[to]
		h.Name, h.Namelen = &p.name[0], p.name.size()
		s.load.write(h, &s.load.trains[train])
		if to++; to == len(peers) {
			train, to = train+1, 0
		}
	}
	return call
}

// call hands messages to the kernel and returns how many it took. errno is that
// of the first one if it took none; EAGAIN says that the socket's buffer is full
// and patience at its end.
func (s *sender) call(socket *socket, messages []mmsghdr) (n int, errno syscall.Errno) {
	errno = unix.EINTR
	for errno == unix.EINTR {
		n, errno = socket.send(messages)
	}
	if errno != unix.EAGAIN {
		return n, errno
	}
	if s.until.IsZero() {
		s.until = time.Now().Add(patience)
	}
	return socket.sendWaiting(messages, s.until)
}

// took counts the copies of a train that the kernel took.
func (s *sender) took(t *train) {
	s.udp.copies.Add(uint64(t.n))
	for i := range t.n {
		s.load.sent[t.first+i] = true
	}
}

// giveUp counts the copies from a message on as errors. They are nobody's fault in
// particular.
func (s *sender) giveUp(peers []*peer, next int) {
	for ; next < len(s.load.trains)*len(peers); next++ {
		s.udp.errors.Add(uint64(s.load.trains[next/len(peers)].n))
	}
}

// failed deals with a train that the kernel did not take for a peer.
func (s *sender) failed(f classify.Family, socket *socket, p *peer, t *train, errno syscall.Errno) {
	if t.n > 1 && trainless(errno) {
		s.alone[f] = s.sendAlone(socket, p, t) || s.alone[f]
		return
	}
	s.refused(p, t.n, errno)
}

// trainless tells the errors that say that a train cannot go this way: its
// datagrams are longer than the interface allows and need fragments, or IPsec or
// the lack of checksums in hardware forbids it (udp_send_skb).
func trainless(errno syscall.Errno) bool {
	return errno == unix.EINVAL || errno == unix.EIO || errno == unix.EMSGSIZE
}

// sendAlone sends the datagrams of a train one by one, and tells whether that
// worked.
func (s *sender) sendAlone(socket *socket, p *peer, t *train) (worked bool) {
	h := &s.single[0].hdr
	h.Name, h.Namelen = &p.name[0], p.name.size()
	for i := range t.n {
		one := train{first: t.first + i, n: 1}
		s.load.write(h, &one)
		n, errno := s.call(socket, s.single[:])
		if n == 0 {
			s.refused(p, 1, errno)
			continue
		}
		s.took(&one)
		worked = true
	}
	return worked
}

// refused counts n copies that the kernel did not take for a peer.
func (s *sender) refused(p *peer, n int, errno syscall.Errno) {
	s.udp.errors.Add(uint64(n))
	s.udp.refused(p, errno)
}
