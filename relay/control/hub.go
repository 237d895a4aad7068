package control

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ptbrelay/classify"
	"ptbrelay/relay/outcome"
)

// maxWatchers bounds what watching can cost a message. Refused takes none of these
// places.
const maxWatchers = 8

// Hub gives what the daemon receives to those who watch. The zero value is
// ready. While nobody watches, a message costs it one atomic load; any goroutine
// may call its methods, and none of them ever waits for a watcher.
type Hub struct {
	watching atomic.Int32 // how many do

	mu       sync.Mutex // guards watchers and what is in them
	watchers []*watcher
}

// Received is told of each message from the wire. The outcome says something
// only where the verdict is eligible. The message is valid until it returns.
func (h *Hub) Received(m *classify.Message, v classify.Verdict, o outcome.Outcome) {
	if h.watching.Load() == 0 {
		return
	}
	s := sighting{message: m, verdict: v}
	if v == classify.Eligible {
		s.outcome = o.String()
	}
	h.show(&s)
}

// Delivered is told of each message from a peer. The delivery says something
// only where the verdict is eligible. The message is valid until it returns.
func (h *Hub) Delivered(peer netip.Addr, m *classify.Message, v classify.Verdict, d outcome.Delivery) {
	if h.watching.Load() == 0 {
		return
	}
	s := sighting{peer: peer, message: m, verdict: v}
	if v == classify.Eligible {
		s.delivery = d.String()
	}
	h.show(&s)
}

func (h *Hub) show(s *sighting) {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.watchers {
		if w.filter.matches(s) {
			w.offer(now, s)
		}
	}
}

// join adds a watcher, who must leave again.
func (h *Hub) join(f Filter) (*watcher, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	guests := 0
	for _, w := range h.watchers {
		if w.guest {
			guests++
		}
	}
	if guests == maxWatchers {
		return nil, fmt.Errorf("%d are watching already, which is the most: end one of them", maxWatchers)
	}
	w := newWatcher(f, guestPace)
	w.guest = true
	h.add(w)
	return w, nil
}

// add is called with the lock held.
func (h *Hub) add(w *watcher) {
	h.watchers = append(h.watchers, w)
	h.watching.Store(int32(len(h.watchers)))
}

func (h *Hub) leave(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watchers = slices.DeleteFunc(h.watchers, func(other *watcher) bool { return other == w })
	h.watching.Store(int32(len(h.watchers)))
}

// takeSkipped returns how many messages the watcher was not shown since it was
// last told of any.
func (h *Hub) takeSkipped(w *watcher) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return w.takeSkipped()
}
