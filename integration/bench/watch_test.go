package bench

import "time"

// watch finds the copies of numbered messages among what a counter has.
type watch struct {
	counter   *counter
	messages  *numbered
	first     uint32
	seen      []bool
	latencies []time.Duration
	last      uint32 // when the last copy came
	ended     chan struct{}
}

func newWatch(c *counter, m *numbered, first uint32, count int) *watch {
	return &watch{
		counter: c, messages: m, first: first, seen: make([]bool, count),
		latencies: make([]time.Duration, 0, count), ended: make(chan struct{}),
	}
}

// run looks until all copies have come or, once the messages are sent, none has
// for a while.
func (w *watch) run(sent <-chan struct{}) {
	defer close(w.ended)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for progress := time.Now(); len(w.latencies) < len(w.seen) && time.Since(progress) < quiet; <-tick.C {
		before := len(w.latencies)
		w.counter.each(w.look)
		select {
		case <-sent:
		default:
			progress = time.Now()
		}
		if len(w.latencies) > before {
			progress = time.Now()
		}
	}
}

func (w *watch) look(at uint32, frame []byte) {
	number, made, ok := w.messages.read(frame)
	n := number - w.first
	if !ok || n >= uint32(len(w.seen)) || w.seen[n] {
		return
	}
	w.seen[n] = true
	w.latencies = append(w.latencies, time.Duration(at-made))
	w.last = at
}
