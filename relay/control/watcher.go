package control

import "time"

// pace is how many events one watcher is shown.
type pace struct {
	rate  int // a second
	burst int
}

// eventRate and eventBurst are the pace of who watches by the socket: more a second
// than anybody reads.
const (
	eventRate  = 200
	eventBurst = 200
)

var guestPace = pace{rate: eventRate, burst: eventBurst}

// queue is how many events wait for a watcher: a burst, so that only one who does
// not read for a second or so misses what the rate allows.
func (p pace) queue() int { return p.burst + p.rate }

// watcher is one who watches. The pace is its own and is spent on what its filter
// lets through, so that a rare message is found in a flood.
type watcher struct {
	filter  Filter
	pace    pace
	guest   bool // has one of the places
	events  chan Event
	started time.Time

	fullAt  time.Duration // when the bucket is full again, after started (GCRA)
	skipped uint64        // matched and not shown, since that was last told
}

func newWatcher(f Filter, p pace, now time.Time) *watcher {
	return &watcher{filter: f, pace: p, started: now, events: make(chan Event, p.queue())}
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

// takeToken takes a token from the bucket of its pace.
func (w *watcher) takeToken(now time.Duration) bool {
	interval := time.Second / time.Duration(w.pace.rate)
	owed := max(w.fullAt-now, 0)
	if owed > time.Duration(w.pace.burst-1)*interval {
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
