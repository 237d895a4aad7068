package fabric

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"

	"golang.org/x/sync/errgroup"

	"ptbrelay/cmd/ptbrelay/app/budget"
	"ptbrelay/cmd/ptbrelay/app/settings"
	"ptbrelay/config"
	"ptbrelay/relay/capture"
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
	now    settings.Situation
	keys   transport.Keys
	remote []netip.AddrPort // the merged set
}

func openRouted(s settings.Situation, w deliver.Watcher, log *slog.Logger) (_ Fabric, err error) {
	f := &routed{log: log, now: s, first: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if f.keys, err = ReadKeys(s.Config); err != nil {
		return nil, err
	}
	f.logKeys()
	if s.Config.UDP.Insecure {
		log.Warn("udp.insecure: whoever reaches the port can send PTBs as if they came from a peer; set udp.key_file instead")
	}
	f.UDP, err = transport.NewUDP(transport.UDPConfig{
		Keys: f.keys, Tolerance: s.Config.UDP.Tolerance, MaxBatch: capture.MaxBatch, Log: log,
	})
	if err != nil {
		return nil, err
	}
	if f.bound, err = bind(f.UDP, s.Config, log); err != nil {
		return nil, err
	}
	if f.deliver, err = deliver.New(s.Deliver(), w); err != nil {
		return nil, err
	}
	f.peers = peers.New(peersConfig(s.Config), log)
	f.peers.SetOwn(s.Own())
	return f, nil
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

func (f *routed) Run(ctx context.Context, done transport.Done) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return f.UDP.Run(ctx, transport.Handlers{
			Done: done,
			PTB: func(from netip.AddrPort, fromPeer bool, packet []byte) {
				f.deliver.Handle(from.Addr(), fromPeer, packet)
			},
			Answer: f.answer,
		})
	})
	g.Go(func() error { return f.deliver.Run(ctx) })
	g.Go(func() error { return f.peers.Run(ctx, f.setPeers) })
	g.Go(func() error {
		f.bound.run(ctx)
		return nil
	})
	return g.Wait()
}

// Ready returns when the first set of peers is known, however empty.
func (f *routed) Ready(ctx context.Context) {
	select {
	case <-f.first:
	case <-ctx.Done():
	}
}

func (f *routed) setPeers(set []netip.AddrPort) {
	f.mu.Lock()
	before, cfg := len(f.remote), f.now.Config
	f.remote = set
	f.mu.Unlock()
	f.bound.toward(set, cfg.VIPs)
	f.SetPeers(set)
	select {
	case <-f.first:
		if len(set) != before {
			budget.Of(cfg, len(set)).Log(f.log)
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
	case s.Paused:
		a.Delivers = transport.DeliversPaused
	case s.Config.Relay.DryRun:
		a.Delivers = transport.DeliversDryRun
	}
	for _, vip := range vips {
		if !f.deliver.Local(vip) {
			a.Missing = append(a.Missing, vip)
		}
	}
	return a
}

func (f *routed) Follow(s settings.Situation) {
	f.mu.Lock()
	f.now = s
	f.mu.Unlock()
	f.deliver.Apply(s.Deliver())
	f.peers.SetOwn(s.Own())
	f.peers.SetConfig(peersConfig(s.Config))
}

// Touched lets nothing that was known of the FIB outlive a change.
func (f *routed) Touched() { f.deliver.HostChanged() }

func (f *routed) FanOut() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.remote)
}

func (f *routed) Close() error {
	var errs []error
	if f.bound != nil {
		errs = append(errs, f.bound.close())
	}
	if f.deliver != nil {
		errs = append(errs, f.deliver.Close())
	}
	if f.UDP != nil {
		errs = append(errs, f.UDP.Close())
	}
	return errors.Join(errs...)
}
