package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"ptbrelay/classify"
)

// ringBatches is how many of the largest batches the ring holds.
const ringBatches = 8

// UDPConfig says how a UDP works.
type UDPConfig struct {
	// Keys: the first seals, all open. Not empty.
	Keys Keys
	// Tolerance is by how much the clocks of two members may differ.
	Tolerance time.Duration
	// MaxBatch is the largest batch that Send will get; the ring holds eight.
	MaxBatch int
	Log      *slog.Logger
}

// Handlers are what Run calls. PTB and Answer are never called at the same time
// as each other or themselves.
type Handlers struct {
	// Done is called by one goroutine, for each message that Send queued.
	Done Done
	// PTB takes what a member sent; fromPeer says that its address is one of the
	// peers'. The packet is valid until it returns.
	PTB func(from netip.AddrPort, fromPeer bool, packet []byte)
	// Answer says what to answer to a probe that asks about these VIPs. They are
	// valid until it returns.
	Answer func(vips []netip.Addr) Answer
}

// UDP sends each PTB as one sealed datagram to every peer, and takes theirs.
//
// Send seals into a slot of a fixed ring; one goroutine fans the slots out. A peer
// that is gone costs the others nothing: nothing here waits for an answer.
type UDP struct {
	log       *slog.Logger
	tolerance time.Duration
	pulse     pulse
	started   time.Time
	handlers  Handlers // since Run

	ring   *ring
	cut    [MaxPacket]byte // of the capture goroutine
	sealer atomic.Pointer[sealer]
	intake intake

	setting sync.Mutex            // for whoever changes the next three
	rekeyed atomic.Pointer[rekey] // to the intake
	sockets [classify.NumFamilies]atomic.Pointer[socket]
	peers   atomic.Pointer[peerSet]
	bound   chan *socket  // to Run
	changed chan struct{} // to live, of one

	probing chan struct{} // full while Probe works
	prober  prober

	copies, errors atomic.Uint64
	datagrams      datagramCounts
}

// NewUDP makes a UDP without sockets and peers.
func NewUDP(c UDPConfig) (*UDP, error) {
	switch {
	case len(c.Keys) == 0:
		return nil, errors.New("udp needs a key (make one with `ptbrelay genkey`)")
	case c.MaxBatch < 1:
		return nil, fmt.Errorf("batches of at most %d messages, at least 1", c.MaxBatch)
	case c.Tolerance <= 0:
		return nil, fmt.Errorf("a tolerance of %v between clocks, more than 0", c.Tolerance)
	}
	u := &UDP{
		log:       c.Log,
		tolerance: c.Tolerance,
		pulse:     defaultPulse,
		started:   time.Now(),
		ring:      newRing(ringBatches * c.MaxBatch),
		bound:     make(chan *socket, len(families)),
		changed:   make(chan struct{}, 1),
		probing:   make(chan struct{}, 1),
		prober:    prober{waiting: make(map[probeID]*outstanding)},
	}
	u.intake.opener = newOpener(c.Keys, c.Tolerance, u.started)
	u.peers.Store(newPeerSet(nil, new(peerSet)))
	u.SetKeys(c.Keys)
	return u, nil
}

// Listen opens the socket of the address's family: copies go out from there, and
// peers know us by it. Port 0 lets the kernel choose. There is one socket a
// family: the same address again does nothing, another is an error. Run may have
// begun.
func (u *UDP) Listen(a netip.AddrPort) error {
	a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	u.setting.Lock()
	defer u.setting.Unlock()
	place := &u.sockets[familyOf(a.Addr())]
	if have := place.Load(); have != nil {
		if have.bound == a {
			return nil
		}
		return fmt.Errorf("listen on udp %v: already on %v, and there is one address a family", a, have.bound)
	}
	s, err := listenUDP(a)
	if err != nil {
		return err
	}
	s.setBuffers(len(u.peers.Load().peers), u.log)
	place.Store(s)
	u.bound <- s // has room for one of each family
	u.look()
	return nil
}

// Addresses returns where the sockets listen, IPv4 first.
func (u *UDP) Addresses() (addresses []netip.AddrPort) {
	for _, f := range families {
		if s := u.sockets[f].Load(); s != nil {
			addresses = append(addresses, s.bound)
		}
	}
	return addresses
}

// SetPeers replaces the peers, from the next message on. An address that is there
// twice counts once. Any goroutine may call it.
func (u *UDP) SetPeers(addresses []netip.AddrPort) {
	u.setting.Lock()
	defer u.setting.Unlock()
	set := newPeerSet(addresses, u.peers.Load())
	for _, f := range families {
		if s := u.sockets[f].Load(); s != nil {
			s.setBuffers(len(set.peers), u.log)
		}
	}
	u.peers.Store(set)
	u.look()
}

// Send queues every message for all peers and writes for each what became of it
// to results, which is as long as batch: [Queued], [QueueFull] or [NoPeers], and
// [Failed] once Run is ending. It never waits. One goroutine at a time may call
// it.
func (u *UDP) Send(read time.Time, batch []classify.Message, results []Result) {
	peers, sealer, now := u.peers.Load().peers, u.sealer.Load(), time.Now()
	for i := range batch {
		if len(peers) == 0 {
			results[i] = NoPeers
			continue
		}
		results[i] = u.queue(read, &batch[i], sealer, now)
	}
}

func (u *UDP) queue(read time.Time, m *classify.Message, sealer *sealer, now time.Time) Result {
	slot := u.ring.free()
	if slot == nil {
		return QueueFull
	}
	sealed, _ := sealer.seal(slot.datagram[:0], TypePTB, cut(u.cut[:0], m), now)
	slot.size, slot.read, slot.message = len(sealed), read, *m
	slot.message.Packet, slot.message.ICMP = nil, nil
	if !u.ring.publish() {
		return Failed
	}
	return Queued
}

// Run sends, receives and probes until the context ends. Then it receives no more,
// sends what is queued, for at most 200 ms, and returns nil. It runs once.
func (u *UDP) Run(ctx context.Context, h Handlers) error {
	u.handlers = h
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		(&sender{udp: u, done: h.Done}).run(ctx)
		return nil
	})
	g.Go(func() error {
		u.live(ctx)
		return nil
	})
	g.Go(func() error {
		for {
			select {
			case s := <-u.bound:
				g.Go(func() error { return newReceiver(s, u.take).run(ctx) })
			case <-ctx.Done():
				return nil
			}
		}
	})
	return g.Wait()
}

// UDPStats counts since the UDP was made.
type UDPStats struct {
	Stats
	Datagrams Datagrams
}

// Stats may be called from any goroutine.
func (u *UDP) Stats() UDPStats {
	return UDPStats{
		Stats:     Stats{Copies: u.copies.Load(), Errors: u.errors.Load()},
		Datagrams: u.datagrams.read(),
	}
}

// Close closes the sockets. Run must have returned or never been called.
func (u *UDP) Close() error {
	u.setting.Lock()
	defer u.setting.Unlock()
	var errs []error
	for _, f := range families {
		if s := u.sockets[f].Load(); s != nil {
			errs = append(errs, s.close())
		}
	}
	return errors.Join(errs...)
}
