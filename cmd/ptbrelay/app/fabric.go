package app

import (
	"context"
	"log/slog"

	"ptbrelay/config"
	"ptbrelay/relay"
	"ptbrelay/relay/control"
	"ptbrelay/relay/deliver"
	"ptbrelay/relay/transport"
)

// fabric is the way to the peers and back. Send belongs to the capture
// goroutine, the other methods to any.
type fabric interface {
	relay.Transport
	// run carries copies until the context ends, and what is queued then.
	run(context.Context, transport.Done) error
	// ready returns when copies can be sent, or the context ends.
	ready(context.Context)
	// follow puts a changed situation in force.
	follow(situation)
	// touched is told at once that something of the host changes.
	touched()
	// prepare reads what a configuration names outside of itself, and returns
	// what puts it in force.
	prepare(config.Config) (commit func(), err error)
	// fanOut is how many copies one message becomes.
	fanOut() int
	// selftest asks the peers; the context bounds how long.
	selftest(context.Context, config.Config) ([]control.PeerTest, error)
	// count names what the collector reads.
	count(*relay.Sources)
	// show adds what a snapshot says of the fabric.
	show(*control.Snapshot)
	close() error
}

func openFabric(s situation, w deliver.Watcher, log *slog.Logger) (fabric, error) {
	if s.cfg.Relay.Transport == config.TransportUDP {
		return openRouted(s, w, log)
	}
	return openSegment(s, log)
}
