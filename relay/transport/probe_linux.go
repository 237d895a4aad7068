package transport

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// Heard is what one peer said to a probe.
type Heard struct {
	Peer netip.AddrPort
	OK   bool // it answered; otherwise only Peer and Error say something
	// RoundTrip is from the probe to its receipt.
	RoundTrip time.Duration
	// Clock is the peer's clock minus ours, to a millisecond and half the round
	// trip.
	Clock  time.Duration
	Answer Answer
	Error  string // why there is no answer
}

// Probes are sent at most 10 at once and 1000 a second.
const (
	probeGroup = 10
	probePause = 10 * time.Millisecond
)

// Probe probes every peer now and waits until all have answered or the context
// ends. The peers say which of the VIPs, of which the first [MaxProbeVIPs] are
// asked about, are not local to them. It needs Run. Of several calls one waits
// for the other.
func (u *UDP) Probe(ctx context.Context, vips []netip.Addr) []Heard {
	peers := u.peers.Load().peers
	heard := make([]Heard, len(peers))
	for i, p := range peers {
		heard[i] = Heard{Peer: p.address, Error: "not probed: there was no time left"}
	}
	select {
	case u.probing <- struct{}{}:
		defer func() { <-u.probing }()
	case <-ctx.Done():
		return heard
	}
	answers := make(chan answered, len(peers)) // one each, so that nobody waits
	ids := u.probeAll(ctx, peers, vips, heard, answers)
	defer u.prober.forget(ids)
	for range ids {
		select {
		case a := <-answers:
			heard[a.peer] = a.heard
		case <-ctx.Done():
			return heard
		}
	}
	return heard
}

// probeAll sends a probe to every peer and returns those that the kernel took; of
// the others heard says why it did not.
func (u *UDP) probeAll(ctx context.Context, peers []*peer, vips []netip.Addr, heard []Heard, answers chan<- answered) (ids []probeID) {
	for i, p := range peers {
		if i > 0 && i%probeGroup == 0 {
			select {
			case <-time.After(probePause):
			case <-ctx.Done():
				return ids
			}
		}
		id, err := u.probe(p, vips, func(h Heard) { answers <- answered{i, h} })
		if err != nil {
			heard[i].Error = "cannot send: " + err.Error()
			continue
		}
		heard[i].Error = u.silence(p)
		ids = append(ids, id)
	}
	return ids
}

// silence is what may be wrong where a peer does not answer.
func (u *UDP) silence(p *peer) string {
	return fmt.Sprintf("no receipt: is ptbrelay running there, with the same key and a clock within %v of ours, and does every firewall pass UDP port %d?",
		u.tolerance, p.address.Port())
}

// answered is what the peer of that place said.
type answered struct {
	peer  int
	heard Heard
}

// probe sends one probe. answered is called with its receipt, if there is one, and
// must not wait.
func (u *UDP) probe(p *peer, vips []netip.Addr, answered func(Heard)) (probeID, error) {
	socket := u.sockets[familyOf(p.address.Addr())].Load()
	if socket == nil {
		return probeID{}, errNoSocket
	}
	sealer, now := u.sealer.Load(), time.Now()
	datagram, counter := sealer.seal(nil, TypeProbe, probePayload(vips), now)
	id := probeID{sealer.session, counter}
	u.prober.expect(id, &outstanding{peer: p, sent: now, answered: answered})
	if err := socket.sendTo(&p.name, datagram); err != nil {
		u.prober.forget([]probeID{id})
		return probeID{}, err
	}
	return id, nil
}

// probeID is what a receipt names its probe by.
type probeID struct {
	session session
	counter uint64
}

// outstanding is a probe that was sent.
type outstanding struct {
	peer     *peer
	sent     time.Time
	answered func(Heard)
}

// prober remembers the probes whose receipts may still come.
type prober struct {
	mu      sync.Mutex
	waiting map[probeID]*outstanding
}

func (p *prober) expect(id probeID, o *outstanding) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting[id] = o
}

func (p *prober) forget(ids []probeID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		delete(p.waiting, id)
	}
}

// sweep forgets the probes that were sent before a moment.
func (p *prober) sweep(before time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, o := range p.waiting {
		if o.sent.Before(before) {
			delete(p.waiting, id)
		}
	}
}

// find takes the probe that a receipt names, if it comes from where the probe went.
func (p *prober) find(id probeID, from netip.AddrPort) (*outstanding, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, ok := p.waiting[id]
	if !ok || o.peer.address != from {
		return nil, false
	}
	delete(p.waiting, id)
	return o, true
}

// heard takes a receipt. Any member could have sealed it, shown a probe that was
// not for it; so it must come from the address that was probed.
func (u *UDP) heard(now time.Time, from netip.AddrPort, o *opened) {
	r, ok := parseReceipt(o.payload)
	if !ok {
		return
	}
	probe, ok := u.prober.find(probeID{r.session, r.counter}, from)
	if !ok {
		return
	}
	trip := now.Sub(probe.sent)
	h := Heard{
		Peer:      probe.peer.address,
		OK:        true,
		RoundTrip: trip,
		// The sender cuts off the fraction of a millisecond.
		Clock:  time.UnixMilli(o.millis).Add(time.Millisecond / 2).Sub(probe.sent.Add(trip / 2)),
		Answer: r.answer,
	}
	if probe.peer.health.answered(now, trip, u.pulse) {
		u.log.Info("peer answers", "peer", h.Peer, "round_trip_seconds", trip.Seconds())
	}
	if probe.answered != nil {
		probe.answered(h)
	}
}
