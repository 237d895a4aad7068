// Package fabric is the way to the peers and back, by either transport.
// It decides nothing about a PTB, which relay and deliver do, and knows of no peer but
// those that package peers names.
package fabric

import (
	"context"
	"log/slog"

	"ptbrelay/cmd/ptbrelay/app/settings"
	"ptbrelay/config"
	"ptbrelay/relay"
	"ptbrelay/relay/control"
	"ptbrelay/relay/deliver"
	"ptbrelay/relay/transport"
)

// Fabric is the way to the peers and back. Send belongs to the capture goroutine, the
// other methods to any.
type Fabric interface {
	relay.Transport
	// Run carries copies until the context ends, and what is queued then.
	Run(context.Context, transport.Done) error
	// Ready returns when copies can be sent, or the context ends.
	Ready(context.Context)
	// Follow puts a changed situation in force.
	Follow(settings.Situation)
	// Touched is told at once that something of the host changes.
	Touched()
	// Prepare reads what a configuration names outside of itself, and returns what puts it
	// in force.
	Prepare(config.Config) (commit func(), err error)
	// FanOut is how many copies one message becomes.
	FanOut() int
	// Selftest asks the peers; the context bounds how long.
	Selftest(context.Context, config.Config) ([]control.PeerTest, error)
	// Count names what the collector reads.
	Count(*relay.Sources)
	// Show adds what a snapshot says of the fabric.
	Show(*control.Snapshot)
	// Close releases what Open made.
	Close() error
}

// Open makes the fabric of the configured transport. The watcher is told what is delivered.
func Open(s settings.Situation, w deliver.Watcher, log *slog.Logger) (Fabric, error) {
	if s.Config.Relay.Transport == config.TransportUDP {
		return openRouted(s, w, log)
	}
	return openSegment(s, log)
}
