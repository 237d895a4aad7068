package app

import (
	"ptbrelay/audit"
	"ptbrelay/classify"
	"ptbrelay/cmd/ptbrelay/app/auditor"
	"ptbrelay/cmd/ptbrelay/app/tally"
	"ptbrelay/config"
)

func (d *daemon) openAuditor() *auditor.Auditor {
	return auditor.Open(auditor.Daemon{
		Version:  buildVersion(),
		Config:   func() config.Config { return d.inForce().Config },
		Policy:   func() classify.Policy { return d.relay.Settings().Policy },
		Messages: d.messages,
		Log:      d.log,
	})
}

// messages is what came from the wire, as audits count it.
func (d *daemon) messages() (m audit.Messages) {
	wire, lost := d.relay.Stats(), d.source.Stats()
	for _, n := range wire.Received {
		m.Packets += n
	}
	m.Verdicts = tally.Verdicts(&wire.Verdicts)
	m.Lost = lost.Overrun + lost.Gap
	if s, ok := d.rulesStats(); ok {
		m.Lost += s.Guarded
	}
	return m
}
