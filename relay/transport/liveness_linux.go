package transport

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// pulse is how often peers are probed, and what silence means.
type pulse struct {
	// every is the time from one probe of a peer to the next, give or take a tenth
	// so that a thousand members do not keep step.
	every time.Duration
	// again is that time where a peer that is up owes a receipt, so that a few lost
	// ones do not make it down.
	again time.Duration
	// down is the silence after which a peer is down.
	down time.Duration
	// first is the time from the first probe of a peer to the second. It doubles,
	// up to every, until the peer has answered: it may be about to start.
	first time.Duration
}

var defaultPulse = pulse{first: 200 * time.Millisecond, every: 10 * time.Second, again: 3 * time.Second, down: 25 * time.Second}

// PeerState is what is known of one peer.
type PeerState struct {
	Peer netip.AddrPort
	// Up: there was a receipt within the last 25 s.
	Up bool
	// LastHeard is when the last receipt came; zero: never.
	LastHeard time.Time
	// RoundTrip is from the last probe that was answered to its receipt.
	RoundTrip time.Duration
}

// Peers returns what is known of each peer, in the order of SetPeers.
func (u *UDP) Peers() []PeerState {
	peers, now := u.peers.Load().peers, time.Now()
	states := make([]PeerState, len(peers))
	for i, p := range peers {
		states[i] = p.health.state(p.address, now, u.pulse)
	}
	return states
}

// live probes the peers, each when it is due, until the context ends.
func (u *UDP) live(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var swept time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-u.changed:
		case <-timer.C:
		}
		now := time.Now()
		if now.Sub(swept) > u.pulse.every {
			u.prober.sweep(now.Add(-u.pulse.down))
			swept = now
		}
		timer.Reset(u.probeDue(now))
	}
}

// probeDue probes the peers that are due, but not too many at once, and returns
// when to look again.
func (u *UDP) probeDue(now time.Time) time.Duration {
	wait := u.pulse.every
	sent := 0
	for _, p := range u.peers.Load().peers {
		if p.health.fellSilent(now, u.pulse) {
			u.log.Warn("peer does not answer; it gets its copies all the same: see what ptbrelay selftest says", "peer", p.address)
		}
		if u.sockets[familyOf(p.address.Addr())].Load() == nil {
			continue // Listen will call again
		}
		if left := p.health.due(u.pulse).Sub(now); left > 0 {
			wait = min(wait, left)
			continue
		}
		if sent == probeGroup {
			return probePause
		}
		sent++
		p.health.willProbe(now, u.pulse)
		u.knock(p)
		wait = min(wait, p.health.due(u.pulse).Sub(now))
	}
	return wait
}

// knock sends a probe whose receipt only says that the peer is there.
func (u *UDP) knock(p *peer) {
	_, err := u.probe(p, nil, nil)
	switch {
	case err != nil:
		u.refused(p, err)
	case !p.refused.Swap(false) && p.failing.Swap(false):
		u.log.Info("sending to peer again", "peer", p.address)
	}
}

// refused notes that the kernel did not take a datagram for a peer, and says so
// once, until a probe has found that it does again. A full buffer and a lack of
// memory are not the peer's fault.
func (u *UDP) refused(p *peer, why error) {
	if errors.Is(why, unix.EAGAIN) || errors.Is(why, unix.ENOBUFS) || errors.Is(why, unix.ENOMEM) {
		return
	}
	p.refused.Store(true)
	if !p.failing.Swap(true) {
		u.log.Warn("cannot send to peer; its copies are counted as errors until it can be reached: see the route to it and the firewall here", "peer", p.address, "err", why)
	}
}

// look makes live look at the peers now.
func (u *UDP) look() {
	select {
	case u.changed <- struct{}{}:
	default: // it will
	}
}

// health is what the probes of one peer and their receipts say of it.
type health struct {
	mu        sync.Mutex
	joined    time.Time
	probed    time.Time
	next      time.Time // when to probe again
	heard     time.Time
	roundTrip time.Duration
	up, down  bool          // neither: not known yet
	patience  time.Duration // with a peer that has never answered
}

// answered notes a receipt and tells whether the peer was not up before. After the
// first one the next probe may come at any moment of the interval, so that peers
// who joined together are spread over it.
func (h *health) answered(now time.Time, roundTrip time.Duration, p pulse) (news bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.heard.IsZero() {
		h.next = now.Add(rand.N(p.every))
	}
	news = !h.up
	h.heard, h.roundTrip, h.up, h.down = now, roundTrip, true, false
	return news
}

// fellSilent tells whether the peer is down and was not before.
func (h *health) fellSilent(now time.Time, p pulse) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	since := h.heard
	if since.IsZero() {
		since = h.joined
	}
	if h.down || now.Sub(since) <= p.down {
		return false
	}
	h.up, h.down = false, true
	return true
}

// due is when the peer is to be probed.
func (h *health) due(p pulse) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.up && h.heard.Before(h.probed) {
		return h.probed.Add(p.again)
	}
	return h.next
}

// willProbe notes that the peer is probed now.
func (h *health) willProbe(now time.Time, p pulse) {
	h.mu.Lock()
	defer h.mu.Unlock()
	wait := p.every*9/10 + rand.N(p.every/5)
	if h.heard.IsZero() {
		h.patience = min(max(2*h.patience, p.first), p.every)
		wait = h.patience
	}
	h.probed, h.next = now, now.Add(wait)
}

func (h *health) state(a netip.AddrPort, now time.Time, p pulse) PeerState {
	h.mu.Lock()
	defer h.mu.Unlock()
	return PeerState{
		Peer:      a,
		Up:        h.up && now.Sub(h.heard) <= p.down,
		LastHeard: h.heard,
		RoundTrip: h.roundTrip,
	}
}
