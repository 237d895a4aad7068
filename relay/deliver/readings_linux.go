package deliver

import (
	"context"
	"sync"
	"time"

	"ptbrelay/classify"
)

const (
	// firstReading is when most flows have applied a PTB, lastReading when one has
	// that TCP put off while the socket was busy (tcp_mtu_reduced), after the
	// injection.
	firstReading = 10 * time.Millisecond
	lastReading  = 200 * time.Millisecond
	// mostReadings is how many samples wait for a reading: those of more than the
	// time in between.
	mostReadings = 2 * samplesPerSecond
)

// readings tells what became of the samples.
type readings struct {
	first, last chan sample
	result      func(classify.Family, Result)

	mu    sync.Mutex // guards flows
	flows *flows
}

func newReadings(f *flows, result func(classify.Family, Result)) *readings {
	return &readings{
		first: make(chan sample, mostReadings), last: make(chan sample, mostReadings),
		result: result, flows: f,
	}
}

// add takes a sample whose packet was injected just now. One too many is none.
func (r *readings) add(s sample) {
	if s.decided {
		r.result(s.family, s.result)
		return
	}
	s.at = time.Now()
	put(r.first, s)
}

func put(queue chan<- sample, s sample) {
	select {
	case queue <- s:
	default:
	}
}

// run reads until the context ends. Samples that wait then come to no result.
func (r *readings) run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() {
		r.each(ctx, r.first, firstReading, func(s sample) { put(r.last, s) })
	})
	wg.Go(func() {
		r.each(ctx, r.last, lastReading, func(s sample) { r.result(s.family, Ignored) })
	})
	wg.Wait()
}

// each reads every sample of a queue, delay after its injection; still is for
// those that show nothing by then.
func (r *readings) each(ctx context.Context, queue <-chan sample, delay time.Duration, still func(sample)) {
	for {
		var s sample
		select {
		case <-ctx.Done():
			return
		case s = <-queue:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(s.at.Add(delay))):
		}
		switch mtu, known := r.read(s); {
		case !known:
			r.result(s.family, Unknown)
		case mtu <= s.reach:
			r.result(s.family, Applied)
		default:
			still(s)
		}
	}
}

// read is the path MTU of a sample now, in bytes. It is not known where another
// socket has taken the flow's place.
func (r *readings) read(s sample) (mtu uint32, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	socket, who := r.flows.owner(s.flow)
	if who != owned || socket.Cookie != s.cookie {
		return 0, false
	}
	return r.flows.mtu(s.flow, socket)
}
