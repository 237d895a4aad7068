package capture

import (
	"sync/atomic"
	"time"
)

// FileCounts counts what was read of a file so far.
type FileCounts struct {
	// Packets were handed over, Skipped are frames that carry no IP.
	Packets, Skipped uint64
	// Earliest and Latest are the times of frames, skipped ones too. Zero where
	// the file says of no frame when it was captured.
	Earliest, Latest time.Time
}

// Counts may be called from any goroutine at any time.
func (f *File) Counts() FileCounts {
	c := FileCounts{
		Packets: f.tally.packets.Load(),
		Skipped: f.tally.skipped.Load(),
	}
	if f.tally.timed.Load() {
		c.Earliest = time.Unix(0, f.tally.earliest.Load()).UTC()
		c.Latest = time.Unix(0, f.tally.latest.Load()).UTC()
	}
	return c
}

// tally has one writer.
type tally struct {
	packets, skipped atomic.Uint64
	timed            atomic.Bool
	earliest, latest atomic.Int64
}

// frame notes when a frame was captured.
func (t *tally) frame(f frame) {
	if !f.timed {
		return
	}
	first := !t.timed.Load()
	if first || f.time < t.earliest.Load() {
		t.earliest.Store(f.time)
	}
	if first || f.time > t.latest.Load() {
		t.latest.Store(f.time)
	}
	if first {
		t.timed.Store(true)
	}
}
