package peers

import "time"

// settle waits until a burst of events is over, so that a file written in steps
// is read once, whole. The zero value is calm.
type settle struct {
	timer *time.Timer
	since time.Time // of the first event
}

// disturbed is told of each event. Calm is p.settle after the last one, and at
// most p.longest after the first.
func (s *settle) disturbed(p pace) {
	now := time.Now()
	if s.timer == nil {
		s.since = now
		s.timer = time.NewTimer(min(p.settle, p.longest))
		return
	}
	s.timer.Reset(max(0, min(p.settle, p.longest-now.Sub(s.since))))
}

// awaited tells whether there was an event and no calm since.
func (s *settle) awaited() bool { return s.timer != nil }

// over delivers when calm has come; nil where nothing had happened.
func (s *settle) over() <-chan time.Time {
	if s.timer == nil {
		return nil
	}
	return s.timer.C
}

func (s *settle) stop() {
	if s.timer != nil {
		s.timer.Stop()
	}
	s.timer = nil
}
