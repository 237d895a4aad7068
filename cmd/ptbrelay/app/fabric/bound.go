package fabric

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"ptbrelay/audit/host"
	"ptbrelay/classify"
	"ptbrelay/cmd/ptbrelay/app/periodic"
	"ptbrelay/config"
	"ptbrelay/relay/transport"
)

// bindEvery is how often a family that has peers and no address is tried again:
// a host that starts has its routes a moment after its links.
const bindEvery = time.Second

// bindTries is how many peers are asked about each time: with thousands of them and
// hundreds of addresses all would take most of the second.
const bindTries = 16

// bound binds the udp transport to one fixed address of each family that has
// peers: the one that udp.listen names, else the preferred source toward the first
// peer by address that has one. A source chosen for every packet would cost each copy a look-up
// among all addresses, and the peers could not tell who it is.
type bound struct {
	udp  *transport.UDP
	port uint16
	log  *slog.Logger

	mu      sync.Mutex
	vips    classify.PrefixSet
	query   *host.Query
	wanted  map[bool][]netip.Addr // by family, true is IPv6: the peers of one that has no address yet
	failing map[bool]bool         // families whose failure was said
}

// bind binds to the addresses that udp.listen names.
func bind(udp *transport.UDP, c config.Config, log *slog.Logger) (*bound, error) {
	query, err := host.OpenQuery()
	if err != nil {
		return nil, err
	}
	b := &bound{
		udp: udp, port: c.UDP.Port, log: log, query: query,
		wanted: make(map[bool][]netip.Addr), failing: make(map[bool]bool),
	}
	for _, a := range c.UDP.ListenAddresses() {
		if err := b.listen(a); err != nil {
			_ = query.Close() // the error on the way out is the one to report
			return nil, fmt.Errorf("udp.listen: %w", err)
		}
	}
	return b, nil
}

func (b *bound) listen(a netip.Addr) error { return b.udp.Listen(netip.AddrPortFrom(a, b.port)) }

// toward sees to it that every family with peers gets an address that is no VIP,
// now or later.
func (b *bound) toward(peers []netip.AddrPort, vips []netip.Prefix) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.vips = classify.Prefixes(vips...)
	clear(b.wanted)
	for _, p := range peers {
		if v6 := p.Addr().Is6(); !b.has(v6) {
			b.wanted[v6] = append(b.wanted[v6], p.Addr())
		}
	}
	b.try()
}

func (b *bound) has(v6 bool) bool {
	return slices.ContainsFunc(b.udp.Addresses(), func(a netip.AddrPort) bool { return a.Addr().Is6() == v6 })
}

// run tries again until the context ends.
func (b *bound) run(ctx context.Context) {
	periodic.Run(ctx, bindEvery, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.try()
	})
}

func (b *bound) try() {
	for v6, peers := range b.wanted {
		source, err := b.sourceTowardOne(peers)
		if err == nil {
			err = b.listen(source)
		}
		if err != nil {
			if !b.failing[v6] {
				b.failing[v6] = true
				b.log.Warn("no address to send copies from, trying again; name one with udp.listen", "peer", peers[0], "err", err)
			}
			n := min(bindTries, len(peers))
			b.wanted[v6] = slices.Concat(peers[n:], peers[:n])
			continue
		}
		delete(b.wanted, v6)
		delete(b.failing, v6)
		b.log.Info("sending copies from", "address", netip.AddrPortFrom(source, b.port))
	}
}

// sourceTowardOne is the preferred source toward the first of some of these peers
// that has one: a peer without a route must not keep the others from their copies.
// The error is that of the first peer.
func (b *bound) sourceTowardOne(peers []netip.Addr) (source netip.Addr, err error) {
	for i, p := range peers[:min(bindTries, len(peers))] {
		s, e := b.sourceToward(p)
		if e == nil {
			return s, nil
		}
		if i == 0 {
			err = e
		}
	}
	return source, err
}

func (b *bound) sourceToward(peer netip.Addr) (netip.Addr, error) {
	route, err := b.query.Route(host.RouteRequest{Destination: peer})
	switch {
	case err != nil:
		return netip.Addr{}, err
	case !route.Source.IsValid():
		return netip.Addr{}, fmt.Errorf("the route to %v has no source address", peer)
	case b.vips.Contains(route.Source):
		return netip.Addr{}, fmt.Errorf("the source toward %v is the VIP %v, which every member has", peer, route.Source)
	}
	return route.Source, nil
}

func (b *bound) close() error { return b.query.Close() }
