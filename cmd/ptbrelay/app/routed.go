package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"ptbrelay/config"
	"ptbrelay/relay"
	"ptbrelay/relay/capture"
	"ptbrelay/relay/control"
	"ptbrelay/relay/deliver"
	"ptbrelay/relay/peers"
	"ptbrelay/relay/transport"
)

// routed is the fabric of transport udp: peers across routers, and delivery of
// what they send.
type routed struct {
	*transport.UDP
	deliver *deliver.Deliver
	peers   *peers.Peers
	bound   *bound
	log     *slog.Logger

	first chan struct{} // closed when the first set of peers is known

	mu     sync.Mutex
	now    situation
	keys   transport.Keys
	remote []netip.AddrPort // the merged set
}

func openRouted(s situation, w deliver.Watcher, log *slog.Logger) (_ fabric, err error) {
	f := &routed{log: log, now: s, first: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	if f.keys, err = readKeys(s.cfg); err != nil {
		return nil, err
	}
	f.logKeys()
	if s.cfg.UDP.Insecure {
		log.Warn("udp.insecure: whoever reaches the port can send PTBs as if they came from a peer; set udp.key_file instead")
	}
	f.UDP, err = transport.NewUDP(transport.UDPConfig{
		Keys: f.keys, Tolerance: s.cfg.UDP.Tolerance, MaxBatch: capture.MaxBatch, Log: log,
	})
	if err != nil {
		return nil, err
	}
	if f.bound, err = bind(f.UDP, s.cfg, log); err != nil {
		return nil, err
	}
	if f.deliver, err = deliver.New(s.deliverSettings(), w); err != nil {
		return nil, err
	}
	f.peers = peers.New(peersConfig(s.cfg), log)
	f.peers.SetOwn(s.own())
	return f, nil
}

func readKeys(c config.Config) (transport.Keys, error) {
	if c.UDP.KeyFile == "" { // validation lets that pass with udp.insecure only
		return transport.InsecureKeys(), nil
	}
	keys, err := transport.LoadKeys(c.UDP.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("udp.key_file: %w", err)
	}
	return keys, nil
}

func peersConfig(c config.Config) peers.Config {
	return peers.Config{
		Static: c.StaticPeers(),
		File:   c.Peers.File,
		DNS:    peers.DNS{Name: c.Peers.DNS.Name, Refresh: c.Peers.DNS.Refresh},
		Port:   c.UDP.Port,
		Parse:  config.ParsePeer,
	}
}

func (f *routed) run(ctx context.Context, done transport.Done) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return f.Run(ctx, transport.Handlers{
			Done: done,
			PTB: func(from netip.AddrPort, fromPeer bool, packet []byte) {
				f.deliver.Handle(from.Addr(), fromPeer, packet)
			},
			Answer: f.answer,
		})
	})
	g.Go(func() error { return f.deliver.Run(ctx) })
	g.Go(func() error { return f.peers.Run(ctx, f.setPeers) })
	g.Go(func() error { return f.bound.run(ctx) })
	return g.Wait()
}

// ready returns when the first set of peers is known, however empty.
func (f *routed) ready(ctx context.Context) {
	select {
	case <-f.first:
	case <-ctx.Done():
	}
}

func (f *routed) setPeers(set []netip.AddrPort) {
	f.mu.Lock()
	before, cfg := len(f.remote), f.now.cfg
	f.remote = set
	f.mu.Unlock()
	f.bound.toward(set, cfg.VIPs)
	f.SetPeers(set)
	select {
	case <-f.first:
		if len(set) != before {
			budgetOf(cfg, len(set)).log(f.log)
		}
	default: // the daemon will log the first
		close(f.first)
	}
}

// answer is what a peer that probes us is told.
func (f *routed) answer(vips []netip.Addr) transport.Answer {
	f.mu.Lock()
	s := f.now
	f.mu.Unlock()
	a := transport.Answer{Delivers: transport.DeliversYes}
	switch {
	case s.paused:
		a.Delivers = transport.DeliversPaused
	case s.cfg.Relay.DryRun:
		a.Delivers = transport.DeliversDryRun
	}
	for _, vip := range vips {
		if !f.deliver.Local(vip) {
			a.Missing = append(a.Missing, vip)
		}
	}
	return a
}

func (f *routed) follow(s situation) {
	f.mu.Lock()
	f.now = s
	f.mu.Unlock()
	f.deliver.Apply(s.deliverSettings())
	f.peers.SetOwn(s.own())
	f.peers.SetConfig(peersConfig(s.cfg))
}

// touched lets nothing that was known of the FIB outlive a change.
func (f *routed) touched() { f.deliver.HostChanged() }

func (f *routed) prepare(c config.Config) (func(), error) {
	keys, err := readKeys(c)
	if err != nil {
		return nil, err
	}
	return func() { f.rekey(keys) }, nil
}

// rekey begins a new session only where the keys are others: each costs every
// peer an attempt.
func (f *routed) rekey(keys transport.Keys) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Equal(keys, f.keys) {
		return
	}
	f.keys = keys
	f.SetKeys(keys)
	f.logKeys()
}

// logKeys says what tells the steps of a rotation apart.
func (f *routed) logKeys() {
	f.log.Info("keys in force", "keys", len(f.keys), "seals", f.keys.SealID())
}

func (f *routed) fanOut() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.remote)
}

const (
	// probeTime is how long peers get to answer.
	probeTime = 2 * time.Second
	// probeEach is what each probe takes: 1000 a second are sent.
	probeEach = time.Millisecond
)

func (f *routed) selftest(ctx context.Context, c config.Config) ([]control.PeerTest, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTime+time.Duration(f.fanOut())*probeEach)
	defer cancel()
	var tests []control.PeerTest
	for _, h := range f.Probe(ctx, askedAbout(c.VIPs)) {
		t := control.PeerTest{Peer: h.Peer.String(), Heard: h.OK, Error: h.Error}
		if h.OK {
			t.RoundTripSeconds, t.ClockSeconds = h.RoundTrip.Seconds(), h.Clock.Seconds()
			t.Delivers = h.Answer.Delivers.String()
			for _, vip := range h.Answer.Missing {
				t.MissingVIPs = append(t.MissingVIPs, vip.String())
			}
		}
		tests = append(tests, t)
	}
	return tests, nil
}

// askedAbout are the VIPs that a probe asks about: single addresses, as many as
// it holds.
func askedAbout(vips []netip.Prefix) (asked []netip.Addr) {
	for _, p := range vips {
		if p.IsSingleIP() && len(asked) < transport.MaxProbeVIPs {
			asked = append(asked, p.Addr())
		}
	}
	return asked
}

func (f *routed) count(s *relay.Sources) {
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

func (f *routed) show(s *control.Snapshot) {
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

func (f *routed) close() error {
	var errs []error
	if f.bound != nil {
		errs = append(errs, f.bound.close())
	}
	if f.deliver != nil {
		errs = append(errs, f.deliver.Close())
	}
	if f.UDP != nil {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
