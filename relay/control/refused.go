package control

import (
	"context"

	"ptbrelay/relay/outcome"
)

// refusedPace is what a log can bear.
var refusedPace = pace{rate: 10, burst: 20}

// Refused shows a sample of the messages from the wire that were not relayed and of
// those from peers that were not injected, whatever the reason: 10 a second, 20 after
// a calm. It returns when the context ends. The next that is shown tells how many were
// skipped. A show that takes long makes nothing wait but itself.
func (h *Hub) Refused(ctx context.Context, show func(Event)) {
	w := newWatcher(Filter{refused: true}, refusedPace)
	h.mu.Lock()
	h.add(w)
	h.mu.Unlock()
	defer h.leave(w)
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-w.events:
			show(e)
		}
	}
}

func (s *sighting) refused() bool {
	return s.outcome != outcome.Relayed.String() && s.delivery != outcome.Injected.String()
}
