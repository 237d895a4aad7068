package audit

import (
	"sync"
	"sync/atomic"

	"ptbrelay/classify"
)

// side is one kind of message: its values, and the networks that it comes from.
// One goroutine sees messages, any may report.
type side struct {
	values Distribution
	queue  *queue        // nil: networks are counted at once
	missed atomic.Uint64 // messages that found the queue full

	mu       sync.Mutex // guards networks and the reading side of queue
	networks networks
}

// saw counts the network of a message. With a queue it takes no lock.
func (s *side) saw(m sample) {
	if s.queue == nil {
		s.mu.Lock()
		s.networks.count(&m)
		s.mu.Unlock()
	} else if !s.queue.put(&m) {
		s.missed.Add(1)
	}
}

// drain counts what is in the queue.
func (s *side) drain() {
	if s.queue == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.drain(s.networks.count)
}

// report is where the messages came from that were seen until now.
func (s *side) report() NetworkSide {
	s.drain()
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.networks.report()
	r.Missed = s.missed.Load()
	return r
}

// fill adds values and edges of both families; overhead is what the MTU has more
// than the value, in bytes.
func (s *side) fill(side Side, overhead func(classify.Family) uint32) (values []Values, edges []Edge) {
	for _, f := range families {
		t := s.values.tally(f)
		values = append(values, t.report(f, overhead(f)))
		edges = append(edges, t.edge(f, side, overhead(f)))
	}
	return values, edges
}
