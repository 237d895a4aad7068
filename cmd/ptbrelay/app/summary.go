package app

import (
	"context"
	"time"

	"ptbrelay/classify"
	"ptbrelay/relay"
	"ptbrelay/relay/outcome"
)

const summaryEvery = time.Minute

// summarise says once a minute, and at the end, what a dry run would have done.
func (d *daemon) summarise(ctx context.Context) error {
	tick := time.NewTicker(summaryEvery)
	defer tick.Stop()
	last := d.relay.Stats()
	for {
		done := false
		select {
		case <-ctx.Done():
			done = true
		case <-tick.C:
		}
		now := d.relay.Stats()
		if d.relay.Settings().DryRun {
			d.log.Info("dry run", difference(last, now)...)
		}
		last = now
		if done {
			return nil
		}
	}
}

// difference is what came between two readings, as log attributes.
func difference(last, now relay.Stats) []any {
	var received, eligible, would, duplicate uint64
	for f := range now.Received {
		received += now.Received[f] - last.Received[f]
		eligible += now.Verdicts[f][classify.Eligible] - last.Verdicts[f][classify.Eligible]
		would += now.Outcomes[f][outcome.DryRun] - last.Outcomes[f][outcome.DryRun]
		duplicate += now.Outcomes[f][outcome.Duplicate] - last.Outcomes[f][outcome.Duplicate]
	}
	return []any{"received", received, "eligible", eligible, "would_relay", would, "duplicate", duplicate}
}
