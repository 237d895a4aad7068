//go:build linux

package lab

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// fillRoom is what a frame may hold without allocating, in bytes.
	fillRoom = 2048
	// streamStep is how long a paced stream sleeps at least and at most: short
	// enough that budgets, which count tokens a millisecond, see no gaps, and
	// that the end of a context is soon noticed.
	streamStep, longestStep = 200 * time.Microsecond, 10 * time.Millisecond
)

// Stream describes a flood.
type Stream struct {
	Rate      int  // frames a second, sent in small steps; 0: as fast as the kernel takes them
	Scattered bool // at random distances (exponential), as from many senders, and not in steps: wakes up more often
	Count     int  // ends after so many; at least 1
	// Fill makes frame number n, from 0, in place of buf, which has room for
	// any packet of Ethernet's usual size: append to buf[:0], or return bytes of
	// your own that stay as they are for the next 64 frames.
	Fill func(n int, buf []byte) []byte
}

// Stream sends frames until there were Count of them or ctx ends, which is no
// error, and returns how many the kernel took. A paced stream that falls behind
// catches up by a few milliseconds and forgets the rest.
func (s *Sender) Stream(ctx context.Context, st Stream) (sent int, err error) {
	if st.Rate < 0 || st.Count < 1 || st.Fill == nil {
		return 0, fmt.Errorf("%s: stream at rate %d of %d frames: need a rate of at least 0, a count and a Fill", s.what, st.Rate, st.Count)
	}
	if !st.Scattered {
		return s.stream(ctx, st, streamStep)
	}
	done := make(chan struct{})
	onFreshThread(func() {
		defer close(done)
		hurry()
		sent, err = s.stream(ctx, st, 0)
	})
	<-done
	return sent, err
}

// stream is Stream with naps of at least step.
func (s *Sender) stream(ctx context.Context, st Stream, step time.Duration) (sent int, err error) {
	p := newPace(st, time.Now())
	frames := newBatch()
	for sent < st.Count {
		select {
		case <-ctx.Done():
			return sent, nil
		default:
		}
		now := time.Now()
		n := p.take(now, min(sendBatch, st.Count-sent))
		if n == 0 {
			nap(min(max(p.next.Sub(now), step), longestStep))
			continue
		}
		for i := range n {
			frames[i] = st.Fill(sent+i, frames[i])
		}
		took, err := s.send(frames[:n])
		sent += took
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// hurry has the kernel run this thread as soon as it wakes, as far as we may ask
// for it, for on a busy machine it would wait for milliseconds. The slice (since
// Linux 6.12) is free to everyone, its least is 0.1 ms.
func hurry() {
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Nice: -20, Runtime: uint64(100 * time.Microsecond)}
	if unix.SchedSetAttr(0, &attr, 0) != nil {
		attr.Nice = 0
		_ = unix.SchedSetAttr(0, &attr, 0) // without it the stream comes in bunches at times
	}
}

// nap sleeps in the kernel, for the runtime's timers are as coarse as a
// millisecond (runtime/netpoll_epoll.go).
func nap(d time.Duration) {
	ts := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&ts, nil) // a signal may end it early: the caller looks at the clock again
}

// newBatch makes room for a batch of frames.
func newBatch() [][]byte {
	room := make([]byte, sendBatch*fillRoom)
	frames := make([][]byte, sendBatch)
	for i := range frames {
		frames[i] = room[i*fillRoom : i*fillRoom : (i+1)*fillRoom]
	}
	return frames
}
