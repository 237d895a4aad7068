package replay

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"ptbrelay/classify"
	"ptbrelay/cmd/ptbrelay/app/output"
	"ptbrelay/relay/control"
)

// packet is one of a file and what would have become of it. The JSON is
// stable.
type packet struct {
	// Packet is its number in the file, from 1.
	Packet uint64 `json:"packet"`
	// Event has the time when it was captured.
	control.Event
	Reason string `json:"reason"`

	since time.Duration // captured so long after the first
	flow  classify.Flow
}

// line holds IPv4 addresses; longer ones push what follows to the right.
const line = "%6v  %12v  %-15s  %-14s  %5s  %-39s  %-15s  %s\n"

// head names the columns.
func (r *Replay) head() error {
	if !r.format.IsText() {
		return nil
	}
	_, err := fmt.Fprintf(r.out, line, "packet", "seconds", "verdict", "outcome", "mtu", "flow", "router", "reason")
	return err
}

func (p *packet) text(w io.Writer) error {
	flow := "-"
	if p.flow != (classify.Flow{}) {
		flow = p.flow.String()
	}
	_, err := fmt.Fprintf(w, line, p.Packet, fmt.Sprintf("%.6f", p.since.Seconds()), p.Verdict, cmp.Or(p.Outcome, "-"),
		output.MTU(p.MTU), flow, output.Endpoint(p.Router, 0), p.Reason)
	return err
}
