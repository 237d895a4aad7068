package control

import "time"

const (
	// eventRate and eventBurst are the events that one watcher is shown: more a
	// second than anybody reads.
	eventRate  = 200
	eventBurst = 200
	// queueLength holds a burst, so that only a watcher who does not read for a
	// second or so misses what the rate allows.
	queueLength = eventBurst + eventRate
)

// watcher is one who watches. The rate is its own and is spent on what its
// filter lets through, so that a rare message is found in a flood.
type watcher struct {
	filter  Filter
	events  chan Event
	started time.Time

	fullAt  time.Duration // when the bucket is full again, after started (GCRA)
	skipped uint64        // matched and not shown, since that was last told
}

func newWatcher(f Filter, now time.Time) *watcher {
	return &watcher{filter: f, started: now, events: make(chan Event, queueLength)}
}

// offer shows what the filter lets through, or counts that it was not shown.
func (w *watcher) offer(now time.Time, s *sighting) {
	if len(w.events) == cap(w.events) || !w.takeToken(now.Sub(w.started)) {
		w.skipped++
		return
	}
	e := s.event(now)
	e.Skipped = w.takeSkipped()
	w.events <- e // has room: all who send hold the hub's lock
}

// takeToken takes a token from a bucket of eventBurst that gets eventRate a
// second.
func (w *watcher) takeToken(now time.Duration) bool {
	const interval = time.Second / eventRate
	owed := max(w.fullAt-now, 0)
	if owed > (eventBurst-1)*interval {
		return false
	}
	w.fullAt = now + owed + interval
	return true
}

func (w *watcher) takeSkipped() uint64 {
	n := w.skipped
	w.skipped = 0
	return n
}
