package app

import (
	"math"
	"net/netip"
	"slices"

	"ptbrelay/audit/host"
	"ptbrelay/classify"
	"ptbrelay/config"
	"ptbrelay/relay"
	"ptbrelay/relay/admit"
	"ptbrelay/relay/deliver"
	"ptbrelay/relay/transport"
)

// situation is all that the settings of a running daemon are derived from.
type situation struct {
	cfg    config.Config
	host   host.State
	paused bool
	// waiting are the keys of the file that wait for a restart, with the value in force
	// and theirs.
	waiting []string
}

// policy is what is believed, from the wire and from peers alike.
func (s situation) policy() classify.Policy {
	largest, ok := s.host.LargestMTU()
	if !ok {
		largest = math.MaxUint32 // no link is up, so nothing can be said
	}
	return s.cfg.ClassifyPolicy(s.host.Local, classify.MTU(largest))
}

func (s situation) relaySettings() relay.Settings {
	l := s.cfg.Relay.Limits
	return relay.Settings{
		Policy: s.policy(),
		Limits: admit.Limits{
			Node:   rate(l.Node, l.NodeBurst),
			Router: rate(l.Router, l.RouterBurst),
			Client: rate(l.Client, l.ClientBurst),
		},
		DryRun: s.cfg.Relay.DryRun,
		Paused: s.paused,
	}
}

func (s situation) deliverSettings() deliver.Settings {
	l := s.cfg.Relay.Limits
	return deliver.Settings{
		Policy: s.policy(),
		Limits: admit.IntakeLimits{
			Peer:    rate(l.Peer, l.PeerBurst),
			Deliver: rate(l.Deliver, l.DeliverBurst),
		},
		Owned:  s.cfg.UDP.Deliver == config.DeliverOwned,
		DryRun: s.cfg.Relay.DryRun,
		Paused: s.paused,
	}
}

func rate(perSecond, burst int) admit.Rate {
	return admit.PerSecond(uint32(perSecond), uint32(burst))
}

// interfaces finds the configured interfaces among the links of this moment.
func (s situation) interfaces() []transport.Interface {
	interfaces := make([]transport.Interface, len(s.cfg.Interfaces))
	for i, name := range s.cfg.Interfaces {
		interfaces[i].Name = name
		// Without carrier the kernel would take the frames and lose them.
		if link, ok := s.host.Link(name); ok && link.Ethernet && link.Running {
			interfaces[i].Index, interfaces[i].MAC = link.Index, link.MAC
		}
	}
	return interfaces
}

// own tells the addresses that are no peer's: those of this host, and the VIPs,
// which every member has.
func (s situation) own() func(netip.Addr) bool {
	own := classify.Prefixes(slices.Concat(s.host.Local, s.cfg.VIPs)...)
	return own.Contains
}
