package app

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"ptbrelay/classify"
	"ptbrelay/config"
	"ptbrelay/relay/control"
)

// replayed is a packet of a file and what would have become of it. The JSON is
// stable.
type replayed struct {
	// Packet is its number in the file, from 1.
	Packet uint64 `json:"packet"`
	// Event has the time when it was captured.
	control.Event
	Reason string `json:"reason"`

	since time.Duration // captured so long after the first
	flow  classify.Flow
}

// replayLine holds IPv4 addresses; longer ones push what follows to the right.
const replayLine = "%6v  %12v  %-15s  %-14s  %5s  %-39s  %-15s  %s\n"

// head names the columns.
func (r *replay) head() error {
	if config.Format(*r.format) != config.FormatText {
		return nil
	}
	_, err := fmt.Fprintf(r.out, replayLine, "packet", "seconds", "verdict", "outcome", "mtu", "flow", "router", "reason")
	return err
}

func (p *replayed) text(w io.Writer) error {
	flow := "-"
	if p.flow != (classify.Flow{}) {
		flow = p.flow.String()
	}
	_, err := fmt.Fprintf(w, replayLine, p.Packet, fmt.Sprintf("%.6f", p.since.Seconds()), p.Verdict, cmp.Or(p.Outcome, "-"),
		mtu(p.MTU), flow, endpoint(p.Router, 0), p.Reason)
	return err
}
