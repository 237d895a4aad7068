package fabric

import (
	"net/netip"
	"slices"

	"ptbrelay/relay"
	"ptbrelay/relay/control"
	"ptbrelay/relay/peers"
	"ptbrelay/relay/transport"
)

func (f *routed) Count(s *relay.Sources) {
	s.Transport = func() transport.Stats { return f.UDP.Stats().Stats }
	s.Datagrams = func() transport.Datagrams { return f.UDP.Stats().Datagrams }
	s.Deliver = f.deliver.Stats
	s.Peers = f.countPeers
}

var peerSources = map[string]relay.PeerSource{
	peers.Static: relay.StaticPeers, peers.File: relay.FilePeers, peers.DNSName: relay.DNSPeers,
}

func (f *routed) countPeers() (counts relay.PeerCounts) {
	up := make(map[netip.AddrPort]bool)
	for _, p := range f.Peers() {
		up[p.Peer] = p.Up
	}
	for _, p := range f.peers.List() {
		state := relay.PeerDown
		if up[p.Address] {
			state = relay.PeerUp
		}
		for _, source := range p.Sources {
			counts[peerSources[source]][state]++
		}
	}
	for source, n := range f.peers.Unresolved() {
		counts[peerSources[source]][relay.PeerUnresolved] += n
	}
	return counts
}

func (f *routed) Show(s *control.Snapshot) {
	sources := make(map[netip.AddrPort][]string)
	for _, p := range f.peers.List() {
		sources[p.Address] = p.Sources
	}
	for _, p := range f.Peers() {
		s.Peers = append(s.Peers, control.Peer{
			Address: p.Peer.String(), Sources: slices.Clone(sources[p.Peer]), Up: p.Up,
			LastHeard: p.LastHeard, RoundTripSeconds: p.RoundTrip.Seconds(),
		})
	}
	for _, a := range f.Addresses() {
		s.Listen = append(s.Listen, a.String())
	}
}
