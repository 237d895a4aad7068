package app

import (
	"encoding/json"
	"time"

	"ptbrelay/classify"
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
	s.MTUs = d.auditor.observations.NextHopMTU().Counts()
	s.Audit, _ = json.Marshal(d.auditor.report()) // plain values
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
		Paused:        now.paused,
		DryRun:        now.cfg.Relay.DryRun,
		Transport:     string(now.cfg.Relay.Transport),
		Interfaces:    now.cfg.Interfaces,
		Group:         now.cfg.Capture.Group,
		Config:        config.NonDefault(now.cfg),
	}
	d.fabric.show(&s)
	return s
}

// showCounts adds what is counted.
func (d commanded) showCounts(s *control.Snapshot) {
	var from relay.Sources
	d.fabric.count(&from)
	wire := d.relay.Stats()
	s.Outcomes = byFamily(func(f int) map[string]uint64 { return counted(wire.Outcomes[f][:], outcome.Outcome.String) })
	s.Received = map[string]map[string]uint64{relay.FromWire: counted(wire.Received[:], classify.Family.String)}
	s.Verdicts = map[string]map[string]map[string]uint64{relay.FromWire: verdicts(wire.Verdicts[:])}
	if from.Deliver != nil {
		showDelivered(s, from.Deliver())
	}
	if from.Datagrams != nil {
		s.Datagrams = make(map[string]map[string]uint64)
		for t, results := range from.Datagrams() {
			s.Datagrams[transport.Type(t).String()] = counted(results[:], transport.DatagramResult.String)
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
	s.Received[relay.FromPeer] = counted(peer.Received[:], classify.Family.String)
	s.Verdicts[relay.FromPeer] = verdicts(peer.Verdicts[:])
	s.Deliveries = byFamily(func(f int) map[string]uint64 { return counted(peer.Deliveries[f][:], outcome.Delivery.String) })
	s.Applied = byFamily(func(f int) map[string]uint64 { return counted(peer.Applied[f][:], deliver.Result.String) })
}

func verdicts(counts [][classify.NumVerdicts]uint64) map[string]map[string]uint64 {
	return byFamily(func(f int) map[string]uint64 { return counted(counts[f][:], classify.Verdict.String) })
}

// byFamily collects what there is to say of each family.
func byFamily(of func(f int) map[string]uint64) map[string]map[string]uint64 {
	all := make(map[string]map[string]uint64)
	for f := range classify.NumFamilies {
		if counts := of(f); len(counts) > 0 {
			all[classify.Family(f).String()] = counts
		}
	}
	return all
}

// counted gives counts their names and leaves out those that are 0.
func counted[L ~uint8](counts []uint64, name func(L) string) map[string]uint64 {
	named := make(map[string]uint64)
	for i, n := range counts {
		if n > 0 {
			named[name(L(i))] = n
		}
	}
	return named
}
