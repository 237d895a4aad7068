package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"ptbrelay/classify"
	"ptbrelay/cmd/ptbrelay/app/tally"
	"ptbrelay/relay"
	"ptbrelay/relay/outcome"
)

// totals sums a replay up. The JSON is stable; its maps leave out what is 0.
type totals struct {
	// Packets were judged, Skipped are frames that carry no IP.
	Packets uint64 `json:"packets"`
	Skipped uint64 `json:"skipped"`
	// DurationSeconds is from the earliest frame to the latest.
	DurationSeconds float64 `json:"duration_seconds"`
	// Received is by family.
	Received map[string]uint64 `json:"received"`
	// Verdicts and Outcomes are by family and name.
	Verdicts map[string]map[string]uint64 `json:"verdicts"`
	Outcomes map[string]map[string]uint64 `json:"outcomes"`
	// Ended says why this is not all of the file; empty: it is.
	Ended string `json:"ended,omitempty"`

	stats relay.Stats
}

// sum sums up what was replayed so far. ended is why it is not all, or nil.
func (r *Replay) sum(ended error) totals {
	counts, stats := r.file.Counts(), r.relay.Stats()
	t := totals{
		Packets:         counts.Packets,
		Skipped:         counts.Skipped,
		DurationSeconds: counts.Latest.Sub(counts.Earliest).Seconds(),
		Received:        tally.Named(stats.Received[:], classify.Family.String),
		Verdicts:        tally.Verdicts(&stats.Verdicts),
		Outcomes:        tally.Outcomes(&stats.Outcomes),
		stats:           stats,
	}
	switch {
	case errors.Is(ended, context.Canceled):
		t.Ended = "interrupted"
	case ended != nil:
		t.Ended = ended.Error()
	}
	return t
}

// showTotals ends the output.
func (r *Replay) showTotals(ended error) error {
	v := struct {
		Totals totals `json:"totals"`
	}{r.sum(ended)}
	if err := r.format.Print(r.out, v, v.Totals.text); err != nil {
		return err
	}
	return r.out.Flush()
}

// text is a tree: what was received has verdicts, what is eligible has outcomes.
func (t totals) text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%d packets in %.6f s", t.Packets, t.DurationSeconds)
	if t.Skipped > 0 {
		fmt.Fprintf(&b, ", %d frames without IP skipped", t.Skipped)
	}
	fmt.Fprintf(&b, "\n\n%-20s%12s%12s%12s\n", "", classify.IPv4, classify.IPv6, classify.FamilyUnknown)
	row := func(name string, of func(classify.Family) uint64) {
		four, six, unknown := of(classify.IPv4), of(classify.IPv6), of(classify.FamilyUnknown)
		if four+six+unknown > 0 {
			fmt.Fprintf(&b, "%-20s%12d%12d%12d\n", name, four, six, unknown)
		}
	}
	row("received", func(f classify.Family) uint64 { return t.stats.Received[f] })
	for v := range classify.Verdicts() {
		row("  "+v.String(), func(f classify.Family) uint64 { return t.stats.Verdicts[f][v] })
	}
	for o := range outcome.NumOutcomes {
		row("    "+o.String(), func(f classify.Family) uint64 { return t.stats.Outcomes[f][o] })
	}
	_, err := io.WriteString(w, b.String())
	return err
}
