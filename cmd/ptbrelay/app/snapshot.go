package app

import (
	"encoding/json"
	"time"

	"ptbrelay/classify"
	"ptbrelay/cmd/ptbrelay/app/tally"
	"ptbrelay/config"
	"ptbrelay/relay"
	"ptbrelay/relay/control"
	"ptbrelay/relay/deliver"
	"ptbrelay/relay/outcome"
	"ptbrelay/relay/transport"
)

// Snapshot implements control.Daemon.
func (d commanded) Snapshot() control.Snapshot {
	s := d.state()
	s.Audit, _ = json.Marshal(d.auditor.Report()) // plain values
	d.showCounts(&s)
	return s
}

// state is how the daemon is set up, and whom it knows; nothing is counted in it.
func (d *daemon) state() control.Snapshot {
	now := d.inForce()
	s := control.Snapshot{
		Version:       buildVersion(),
		Started:       d.started,
		UptimeSeconds: time.Since(d.started).Seconds(),
		Paused:        now.Paused,
		DryRun:        now.Config.Relay.DryRun,
		Transport:     string(now.Config.Relay.Transport),
		Interfaces:    now.Config.Interfaces,
		Group:         now.Config.Capture.Group,
		Config:        config.NonDefault(now.Config),
	}
	d.fabric.Show(&s)
	return s
}

// showCounts adds what is counted.
func (d commanded) showCounts(s *control.Snapshot) {
	var from relay.Sources
	d.fabric.Count(&from)
	wire := d.relay.Stats()
	s.Outcomes = tally.Outcomes(&wire.Outcomes)
	s.Received = map[string]map[string]uint64{relay.FromWire: tally.Named(wire.Received[:], classify.Family.String)}
	s.Verdicts = map[string]map[string]map[string]uint64{relay.FromWire: tally.Verdicts(&wire.Verdicts)}
	if from.Deliver != nil {
		showDelivered(s, from.Deliver())
	}
	if from.Datagrams != nil {
		s.Datagrams = make(map[string]map[string]uint64)
		for t, results := range from.Datagrams() {
			s.Datagrams[transport.Type(t).String()] = tally.Named(results[:], transport.DatagramResult.String)
		}
	}
	copies, lost := from.Transport(), d.source.Stats()
	s.Copies, s.SendErrors = copies.Copies, copies.Errors
	s.CaptureLost = map[string]uint64{"overrun": lost.Overrun, "gap": lost.Gap}
	if r, ok := d.rulesStats(); ok {
		s.Guarded, s.GuardedKnown = r.Guarded, true
	}
}

// showDelivered adds what is counted of messages from peers.
func showDelivered(s *control.Snapshot, peer deliver.Stats) {
	s.Received[relay.FromPeer] = tally.Named(peer.Received[:], classify.Family.String)
	s.Verdicts[relay.FromPeer] = tally.Verdicts(&peer.Verdicts)
	s.Deliveries = tally.ByFamily(outcome.Delivery.String, func(f classify.Family) []uint64 { return peer.Deliveries[f][:] })
	s.Applied = tally.ByFamily(deliver.Result.String, func(f classify.Family) []uint64 { return peer.Applied[f][:] })
}
