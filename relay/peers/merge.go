package peers

import (
	"net/netip"
	"slices"
)

// maxPeers bounds the set, and each source by itself, for a file or a zone may be
// somebody's mistake: each PTB costs a copy a peer.
const maxPeers = 4096

// Peer is one of the merged set.
type Peer struct {
	Address netip.AddrPort
	// Sources are the names of those that gave it, in the order of the
	// configuration.
	Sources []string
}

// merge adds up what the sources gave, sorted by address, each once, without
// this server's own.
func merge(slots []*slot, own func(netip.Addr) bool) []Peer {
	sources := make(map[netip.AddrPort][]string)
	for _, s := range slots {
		for _, a := range s.found {
			if !own(a.Addr()) && !slices.Contains(sources[a], s.name) {
				sources[a] = append(sources[a], s.name)
			}
		}
	}
	peers := make([]Peer, 0, len(sources))
	for a, names := range sources {
		peers = append(peers, Peer{a, names})
	}
	slices.SortFunc(peers, func(a, b Peer) int { return a.Address.Compare(b.Address) })
	return peers
}

// without returns the peers of a whose address is not in b.
func without(a, b []Peer) []Peer {
	in := make(map[netip.AddrPort]bool, len(b))
	for _, p := range b {
		in[p.Address] = true
	}
	return slices.DeleteFunc(slices.Clone(a), func(p Peer) bool { return in[p.Address] })
}

func addresses(peers []Peer) []netip.AddrPort {
	list := make([]netip.AddrPort, len(peers))
	for i, p := range peers {
		list[i] = p.Address
	}
	return list
}
