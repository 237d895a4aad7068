package peers

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Config says where peers come from. The zero value names no source.
type Config struct {
	// Static are peers as they are, with their ports.
	Static []netip.AddrPort
	// File is a path; empty is none.
	File string
	DNS  DNS
	// Port is that of peers for which the source names none, 1 to 65535.
	Port uint16
	// Parse reads what stands for a peer in a file or comes from DNS: an address, or
	// address:port, and refuses what cannot be a peer. A port of 0 is one that is
	// not named. Not nil where there is a file or a name.
	Parse ParsePeer
}

// ParsePeer reads a peer as the configuration has it.
type ParsePeer func(text string) (netip.AddrPort, error)

// with reads a peer, which gets the port where it names none.
func (parse ParsePeer) with(port uint16, text string) (netip.AddrPort, error) {
	p, err := parse(text)
	if err == nil && p.Port() == 0 {
		p = netip.AddrPortFrom(p.Addr(), port)
	}
	return p, err
}

// DNS is a name whose A and AAAA records are peers.
type DNS struct {
	Name string // empty is none
	// Refresh is the time between two questions, a tenth more or less; 0 is 30 s.
	Refresh time.Duration
}

const defaultRefresh = 30 * time.Second

// Peers is the merged set. Its methods may be called from any goroutine.
type Peers struct {
	log      *slog.Logger
	pace     pace
	resolver *net.Resolver
	// wake tells Run that config or own is another.
	wake chan struct{}

	mu     sync.Mutex
	config Config
	own    func(netip.Addr) bool
	// What Run has made of it.
	set        []Peer
	unresolved map[string]int
}

// New returns the set of c, which is empty until Run runs. The caller does not
// change c.Static any more.
func New(c Config, log *slog.Logger) *Peers {
	return &Peers{
		log:      log,
		pace:     usual,
		resolver: &net.Resolver{PreferGo: true},
		wake:     make(chan struct{}, 1),
		config:   c,
		own:      func(netip.Addr) bool { return false },
	}
}

// SetConfig changes the sources. One that stays the same is not disturbed; one
// that asks for something else keeps its addresses until it has found new ones.
func (p *Peers) SetConfig(c Config) {
	p.mu.Lock()
	p.config = c
	p.mu.Unlock()
	p.rouse()
}

// SetOwn names the addresses that are this server's own, whatever the port, and
// merges again: call it anew whenever they change. own must be quick and safe
// for another goroutine. Before the first call nothing is.
func (p *Peers) SetOwn(own func(netip.Addr) bool) {
	p.mu.Lock()
	p.own = own
	p.mu.Unlock()
	p.rouse()
}

func (p *Peers) rouse() {
	select {
	case p.wake <- struct{}{}:
	default: // Run will look in any case
	}
}

// List returns the merged set, sorted by address: at most 4096.
func (p *Peers) List() []Peer {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.set)
}

// Unresolved returns, for each source that is configured, how many of its files
// or names have given no address yet.
func (p *Peers) Unresolved() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.unresolved)
}

// Run keeps the set until ctx ends, then returns nil. It calls changed at start,
// with what is known without waiting for others, and whenever the set differs,
// always from the goroutine of Run; the list is sorted and changed may keep it.
// Run may be called once.
func (p *Peers) Run(ctx context.Context, changed func([]netip.AddrPort)) error {
	r := newRun(p, changed)
	defer r.stop()
	r.adopt(ctx)
	r.publish(true)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.wake:
			r.adopt(ctx)
		case said := <-r.reports:
			said.slot.take(said.found)
		}
		r.publish(false)
	}
}

type namedSource struct {
	name   string
	source source
}

// sources returns those that the configuration asks for, in its order.
func (p *Peers) sources() (list []namedSource) {
	p.mu.Lock()
	c := p.config
	p.mu.Unlock()
	if len(c.Static) > 0 {
		list = append(list, namedSource{Static, static(c.Static)})
	}
	if c.File != "" {
		list = append(list, namedSource{File, newFile(c, p.pace, p.log)})
	}
	if c.DNS.Name != "" {
		c.DNS.Refresh = cmp.Or(c.DNS.Refresh, defaultRefresh)
		list = append(list, namedSource{DNSName, newName(c, p.pace, p.resolver, p.log)})
	}
	return list
}

func (p *Peers) ownNow() func(netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.own
}

// store makes a merged set what List and Unresolved show.
func (p *Peers) store(set []Peer, unresolved map[string]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set, p.unresolved = set, unresolved
}
