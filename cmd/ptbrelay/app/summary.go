package app

import (
	"time"

	"ptbrelay/classify"
	"ptbrelay/relay"
	"ptbrelay/relay/outcome"
)

// summaryEvery is how often it is said.
const summaryEvery = time.Minute

// summary says what a dry run would have done.
type summary struct {
	daemon *daemon
	last   relay.Stats
}

// say tells what came since it did last.
func (s *summary) say() {
	now := s.daemon.relay.Stats()
	if s.daemon.relay.Settings().DryRun {
		s.daemon.log.Info("dry run", difference(s.last, now)...)
	}
	s.last = now
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
