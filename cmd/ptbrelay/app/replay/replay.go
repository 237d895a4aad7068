// Package replay shows what would have become of each packet of a capture file.
package replay

import (
	"bufio"
	"cmp"
	"context"
	"time"

	"ptbrelay/classify"
	"ptbrelay/cmd/ptbrelay/app/output"
	"ptbrelay/relay"
	"ptbrelay/relay/capture"
	"ptbrelay/relay/control"
	"ptbrelay/relay/outcome"
	"ptbrelay/relay/transport"
)

// Replay is the pipeline over a file: what `ptbrelay run` does, but for the source
// and the transport.
type Replay struct {
	file    *capture.File
	relay   *relay.Relay
	clock   clock
	reasons reasons
	out     *bufio.Writer
	format  *output.Format

	number uint64    // of the packet at hand, in the file
	time   time.Time // when it was captured
	err    error     // of writing
}

// New makes one that writes to out.
func New(file *capture.File, s relay.Settings, out *bufio.Writer, f *output.Format) *Replay {
	r := &Replay{file: file, reasons: newReasons(s.Policy), out: out, format: f}
	r.relay = relay.New(r, r, r, s)
	r.clock.begun = r.relay.Epoch()
	return r
}

// Run replays the file to its end, or as far as it goes, and shows the totals. The error
// is why that is not all of it.
func (r *Replay) Run(ctx context.Context) error {
	if err := r.head(); err != nil {
		return err
	}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	err := r.file.Run(reading, func(read time.Time, batch []capture.Packet) {
		r.handle(read, batch)
		if r.err != nil {
			stop()
		}
	})
	ended := cmp.Or(err, ctx.Err())
	if err := r.showTotals(ended); err != nil {
		return err // the first of writing: a bufio.Writer keeps it
	}
	return ended
}

func (r *Replay) handle(read time.Time, batch []capture.Packet) {
	now := r.clock.at(read)
	r.time = read
	for i := range batch {
		r.number = r.file.Frame() + uint64(i)
		r.relay.Handle(now, batch[i:i+1]) // which calls Received once
	}
}

// Received implements relay.Watcher.
func (r *Replay) Received(m *classify.Message, v classify.Verdict, o outcome.Outcome) {
	p := packet{
		Packet: r.number,
		Event:  control.EventOf(r.time, m, v),
		Reason: r.reasons.of(r.clock.since, m, v, o),
		since:  r.time.Sub(r.clock.first),
		flow:   m.Flow,
	}
	if v == classify.Eligible {
		p.Outcome = o.String()
	}
	r.err = cmp.Or(r.err, r.format.Print(r.out, p, p.text))
}

// Send implements relay.Transport: there are peers, and all goes well.
func (r *Replay) Send(_ time.Time, batch []classify.Message, results []transport.Result) {
	for i := range batch {
		results[i] = transport.Sent
	}
}

// Observe implements relay.Observer: all that there is to say is in the lines.
func (r *Replay) Observe(*classify.Message, [6]byte) {}

var (
	_ relay.Watcher   = (*Replay)(nil)
	_ relay.Transport = (*Replay)(nil)
	_ relay.Observer  = (*Replay)(nil)
)
