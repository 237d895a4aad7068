package peers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// name is a DNS name, resolved as this host's resolv.conf and hosts file say.
type name struct {
	config   DNS
	port     uint16
	parse    ParsePeer
	pace     pace
	resolver *net.Resolver
	log      *slog.Logger

	four, six []netip.Addr // the last good ones
	failures  int          // in a row
	fault     trouble
}

func newName(c Config, p pace, r *net.Resolver, log *slog.Logger) *name {
	log = log.With("source", DNSName, "name", c.DNS.Name)
	return &name{
		config: c.DNS, port: c.Port, parse: c.Parse, pace: p, resolver: r, log: log,
		fault: trouble{log: log, level: slog.LevelWarn},
	}
}

func (n *name) same(other source) bool {
	o, ok := other.(*name)
	return ok && n.config == o.config && n.port == o.port
}

func (n *name) first() ([]netip.AddrPort, bool) { return nil, false }

func (n *name) run(ctx context.Context, report func([]netip.AddrPort)) {
	wait := time.NewTimer(0)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		err := n.ask(ctx)
		if ctx.Err() != nil {
			return
		}
		n.note(err)
		report(n.found())
		wait.Reset(n.wait())
	}
}

// ask resolves both families at once and takes over what is good.
func (n *name) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, n.pace.lookup)
	defer cancel()
	var four, six answer
	var both sync.WaitGroup
	both.Go(func() { four = n.resolve(ctx, "ip4") })
	both.Go(func() { six = n.resolve(ctx, "ip6") })
	both.Wait()
	return n.take(four, six)
}

// answer is what DNS said of one family. Without addresses and without an error
// it said that there are none.
type answer struct {
	addresses []netip.Addr
	err       error
}

func (n *name) resolve(ctx context.Context, network string) answer {
	addresses, err := n.resolver.LookupNetIP(ctx, network, n.config.Name)
	if isNone(err) {
		return answer{}
	}
	for i, a := range addresses {
		addresses[i] = a.Unmap() // IPv4 of the hosts file comes as IPv6
		if _, bad := n.parse(addresses[i].String()); bad != nil {
			return answer{err: fmt.Errorf("bad answer: %w", bad)}
		}
	}
	return answer{addresses, err}
}

// isNone tells whether the error means that there are no such addresses: DNS said
// so, or the hosts file has only those of the other family.
func isNone(err error) bool {
	var unknown *net.DNSError
	var other *net.AddrError
	return errors.As(err, &unknown) && unknown.IsNotFound || errors.As(err, &other)
}

// take keeps, family by family, what was answered. That a family has no
// addresses is believed only where the other has some: a zone that is being
// rebuilt answers so for both.
func (n *name) take(four, six answer) error {
	err := errors.Join(four.err, six.err)
	some := len(four.addresses)+len(six.addresses) > 0
	if err == nil && !some {
		return errNoAddress
	}
	next4, next6 := n.four, n.six
	if four.err == nil && some {
		next4 = four.addresses
	}
	if six.err == nil && some {
		next6 = six.addresses
	}
	if len(next4)+len(next6) > maxPeers {
		return fmt.Errorf("bad answer: %d addresses, more than %d", len(next4)+len(next6), maxPeers)
	}
	n.four, n.six = next4, next6
	return err
}

var errNoAddress = errors.New("it has no address")

func (n *name) found() []netip.AddrPort {
	found := make([]netip.AddrPort, 0, len(n.four)+len(n.six))
	for _, a := range slices.Concat(n.four, n.six) {
		found = append(found, netip.AddrPortFrom(a, n.port))
	}
	return found
}

// note counts failures and logs where they begin and end. An error's text may
// differ from time to time, by a port for example, so it is no other failure.
func (n *name) note(err error) {
	if err == nil {
		n.failures = 0
		n.fault.end("peers name resolved again", "peers", len(n.four)+len(n.six))
		return
	}
	n.failures++
	n.fault.begin("failing", "peers name not resolved", "err", err, "peers_kept", len(n.four)+len(n.six))
}

// wait is the time to the next question: the refresh, while DNS fails less; a
// tenth more or less, so that a group does not ask in step.
func (n *name) wait() time.Duration {
	d := n.config.Refresh
	if n.failures > 0 {
		d = min(d, n.pace.retry<<min(n.failures-1, 20))
	}
	return d - d/10 + rand.N(d/5+1)
}
