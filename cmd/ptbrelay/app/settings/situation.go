// Package settings derives from one configuration, and the host as it is, what each
// room is to do.
// It reads no file and no host.
package settings

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

// Situation is all that the settings of the relay are derived from.
type Situation struct {
	Config config.Config
	Host   host.State
	Paused bool
}

// Anywhere is the situation of a relay on a host of which nothing is known: every
// address is its own, and its largest MTU that of Ethernet.
func Anywhere(c config.Config) Situation {
	return Situation{Config: c, Host: host.State{
		Links: []host.Link{{MTU: 1500, Up: true}},
		Local: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")},
	}}
}

// Policy is what is believed, from the wire and from peers alike.
func (s Situation) Policy() classify.Policy {
	largest, ok := s.Host.LargestMTU()
	if !ok {
		largest = math.MaxUint32 // no link is up, so nothing can be said
	}
	return s.Config.ClassifyPolicy(s.Host.Local, classify.MTU(largest))
}

// Relay is what the relay is to do.
func (s Situation) Relay() relay.Settings {
	l := s.Config.Relay.Limits
	return relay.Settings{
		Policy: s.Policy(),
		Limits: admit.Limits{
			Node:   rate(l.Node, l.NodeBurst),
			Router: rate(l.Router, l.RouterBurst),
			Client: rate(l.Client, l.ClientBurst),
		},
		DryRun: s.Config.Relay.DryRun,
		Paused: s.Paused,
	}
}

// Deliver is what delivery is to do.
func (s Situation) Deliver() deliver.Settings {
	l := s.Config.Relay.Limits
	return deliver.Settings{
		Policy: s.Policy(),
		Limits: admit.IntakeLimits{
			Peer:    rate(l.Peer, l.PeerBurst),
			Deliver: rate(l.Deliver, l.DeliverBurst),
		},
		Owned:  s.Config.UDP.Deliver == config.DeliverOwned,
		DryRun: s.Config.Relay.DryRun,
		Paused: s.Paused,
	}
}

func rate(perSecond, burst int) admit.Rate {
	return admit.PerSecond(uint32(perSecond), uint32(burst))
}

// Interfaces finds the configured interfaces among the links of this moment.
func (s Situation) Interfaces() []transport.Interface {
	interfaces := make([]transport.Interface, len(s.Config.Interfaces))
	for i, name := range s.Config.Interfaces {
		interfaces[i].Name = name
		// Without carrier the kernel would take the frames and lose them.
		if link, ok := s.Host.Link(name); ok && link.Ethernet && link.Running {
			interfaces[i].Index, interfaces[i].MAC = link.Index, link.MAC
		}
	}
	return interfaces
}

// Own tells the addresses that are no peer's: those of this host, and the VIPs,
// which every member has.
func (s Situation) Own() func(netip.Addr) bool {
	own := classify.Prefixes(slices.Concat(s.Host.Local, s.Config.VIPs)...)
	return own.Contains
}
