package deliver

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"ptbrelay/audit/host"
	"ptbrelay/classify"
	"ptbrelay/relay/admit"
	"ptbrelay/relay/outcome"
)

// Watcher sees every message from a peer and what became of it; the delivery says
// something only where the verdict is eligible. The message is valid until
// Delivered returns.
type Watcher interface {
	Delivered(peer netip.Addr, m *classify.Message, v classify.Verdict, d outcome.Delivery)
}

// Deliver is the receiving side of one server.
type Deliver struct {
	watcher  Watcher
	settings atomic.Pointer[Settings]
	epoch    time.Time
	changes  atomic.Uint64 // of the host

	decoder  classify.Decoder
	intake   *admit.Intake
	locals   locals
	flows    *flows
	sampler  sampler
	injector *injector

	readings *readings
	counts   counts

	mu    sync.Mutex // guards asked
	asked locals     // for those who ask by Local

	open []io.Closer
}

// New opens the raw sockets, which takes CAP_NET_RAW, and what it asks the kernel
// by, in the network namespace of the calling thread.
func New(s Settings, w Watcher) (_ *Deliver, err error) {
	d := &Deliver{watcher: w, epoch: time.Now(), intake: admit.NewIntake()}
	d.Apply(s)
	defer func() {
		if err != nil {
			_ = d.Close() // the error on the way out is the one to report
		}
	}()
	if d.injector, err = keep(d, newInjector); err != nil {
		return nil, err
	}
	if d.flows, err = keep(d, openFlows); err != nil {
		return nil, err
	}
	later, err := keep(d, openFlows)
	if err != nil {
		return nil, err
	}
	query, err := keep(d, host.OpenQuery)
	if err != nil {
		return nil, err
	}
	d.locals = newLocals(d.flows.query, &d.changes)
	d.sampler = newSampler(d.flows)
	d.readings = newReadings(later, d.counts.result)
	d.asked = newLocals(query, &d.changes)
	return d, nil
}

// keep opens something that Close will close.
func keep[T io.Closer](d *Deliver, open func() (T, error)) (T, error) {
	c, err := open()
	if err == nil {
		d.open = append(d.open, c)
	}
	return c, err
}

// Apply puts settings in force from the next message on. Any goroutine may call
// it.
func (d *Deliver) Apply(s Settings) { d.settings.Store(&s) }

// HostChanged forgets what is known of local addresses, at once. It is for every
// word of a route, rule or address that came or went; any goroutine may call it.
func (d *Deliver) HostChanged() { d.changes.Add(1) }

// Local says whether the kernel's FIB calls an address local. Any goroutine may
// call it.
func (d *Deliver) Local(a netip.Addr) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	if local, known := d.asked.known(now, a); known {
		return local
	}
	return d.asked.ask(now, a)
}

// now is the time in nanoseconds that admission and the tables go by.
func (d *Deliver) now() int64 { return int64(time.Since(d.epoch)) }

// Handle takes one IP packet that a member sent as a PTB; listed says that its
// address is one of the peers'. All others share the budget of one peer, for
// whoever has the key may have any number of addresses. One goroutine at a time may
// call it.
func (d *Deliver) Handle(peer netip.Addr, listed bool, packet []byte) {
	s := d.settings.Load()
	m, verdict := d.decoder.Decode(packet)
	if verdict == classify.Eligible {
		verdict = s.Policy.Classify(m)
	}
	d.counts.verdict(m.Family, verdict)
	var delivery outcome.Delivery
	if verdict == classify.Eligible {
		account := peer
		if !listed {
			account = netip.Addr{}
		}
		delivery = d.deliver(s, account, m)
		d.counts.delivery(m.Family, delivery)
	}
	d.watcher.Delivered(peer, m, verdict, delivery)
}

// deliver decides what becomes of an eligible message, and does it.
func (d *Deliver) deliver(s *Settings, account netip.Addr, m *classify.Message) outcome.Delivery {
	now := d.now()
	local, known := d.locals.known(now, m.VIP)
	if known && !local {
		return outcome.NotLocal
	}
	if refused, admitted := d.intake.Admit(now, m, account, &s.Limits); !admitted {
		return refused
	}
	if s.Paused {
		return outcome.PausedDelivery
	}
	// A VIP that is not local may still be served from here, where conntrack
	// holds the quoted flow and carries the PTB on to a pod. This is the place to
	// ask it; and that injection must be able to leave lo.
	if !known && !d.locals.ask(now, m.VIP) {
		return outcome.NotLocal
	}
	return d.give(now, s, m)
}

// give gives an admitted message to the kernel.
func (d *Deliver) give(now int64, s *Settings, m *classify.Message) outcome.Delivery {
	var socket host.Socket
	who := unasked
	if s.Owned {
		if socket, who = d.flows.owner(m.Flow); who == foreign {
			return outcome.NotOwned
		}
	}
	if s.DryRun {
		return outcome.DryRunDelivery
	}
	x, sampled := d.sampler.choose(now, m, socket, who)
	if errno := d.injector.inject(m.Family, m.VIP, m.Packet); errno != 0 {
		return outcome.InjectFailed
	}
	if sampled {
		d.readings.add(x)
	}
	return outcome.Injected
}

// Run tells what became of the sampled flows, until the context ends; then it
// returns nil.
func (d *Deliver) Run(ctx context.Context) error {
	d.readings.run(ctx)
	return nil
}

// Stats returns the counts. Any goroutine may call it.
func (d *Deliver) Stats() Stats { return d.counts.read() }

// Close closes the sockets. Neither Handle nor Run nor Local may be running.
func (d *Deliver) Close() error {
	var errs []error
	for _, c := range d.open {
		errs = append(errs, c.Close())
	}
	d.open = nil
	return errors.Join(errs...)
}
