package control

import (
	"time"

	"golang.org/x/time/rate"
)

// pace is how many events one watcher is shown.
type pace struct {
	rate  int // a second
	burst int
}

// guestPace is that of who watches by the socket: more than anybody reads.
var guestPace = pace{rate: 200, burst: 200}

// queue is how many events wait for a watcher: a burst, so that only one who does
// not read for a second or so misses what the rate allows.
func (p pace) queue() int { return p.burst + p.rate }

// watcher is one who watches. The pace is its own and is spent on what its filter
// lets through, so that a rare message is found in a flood.
type watcher struct {
	filter  Filter
	guest   bool // has one of the places
	bucket  *rate.Limiter
	events  chan Event
	skipped uint64 // matched and not shown, since that was last told
}

func newWatcher(f Filter, p pace) *watcher {
	return &watcher{filter: f, bucket: rate.NewLimiter(rate.Limit(p.rate), p.burst), events: make(chan Event, p.queue())}
}

// offer shows what the filter lets through, or counts that it was not shown.
func (w *watcher) offer(now time.Time, s *sighting) {
	if len(w.events) == cap(w.events) || !w.bucket.AllowN(now, 1) {
		w.skipped++
		return
	}
	e := s.event(now)
	e.Skipped = w.takeSkipped()
	w.events <- e // has room: all who send hold the hub's lock
}

func (w *watcher) takeSkipped() uint64 {
	n := w.skipped
	w.skipped = 0
	return n
}
