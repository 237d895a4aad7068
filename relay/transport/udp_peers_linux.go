package transport

import (
	"net/netip"
	"sync/atomic"
	"time"

	"ptbrelay/classify"
)

// peer is one peer made ready for the kernel. It lives on from one set of peers
// to the next.
type peer struct {
	address netip.AddrPort // no IPv4 address in its IPv6 form
	name    sockaddr

	// refused: the kernel did not take a datagram since the last probe.
	// failing: the log says that it does not.
	refused, failing atomic.Bool

	health health
}

func newPeer(a netip.AddrPort) *peer {
	return &peer{address: a, name: newSockaddr(a), health: health{joined: time.Now()}}
}

// peerSet is the peers at one time. It does not change.
type peerSet struct {
	peers    []*peer
	byFamily [classify.NumFamilies][]*peer
	known    map[netip.AddrPort]struct{}
}

// newPeerSet makes a set of these addresses, each once, with the peers of old
// that are in it still.
func newPeerSet(addresses []netip.AddrPort, old *peerSet) *peerSet {
	kept := make(map[netip.AddrPort]*peer)
	for _, p := range old.peers {
		kept[p.address] = p
	}
	s := &peerSet{known: make(map[netip.AddrPort]struct{})}
	for _, a := range addresses {
		a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
		if s.has(a) {
			continue
		}
		p := kept[a]
		if p == nil {
			p = newPeer(a)
		}
		s.peers = append(s.peers, p)
		f := familyOf(a.Addr())
		s.byFamily[f] = append(s.byFamily[f], p)
		s.known[a] = struct{}{}
	}
	return s
}

// has tells whether a datagram from there comes from a peer. Its port is judged
// too: any user of that host may send from another one.
func (s *peerSet) has(a netip.AddrPort) bool {
	_, ok := s.known[a]
	return ok
}
