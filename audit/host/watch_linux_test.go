package host

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/labtest"
)

const within = 5 * time.Second

// running is a Watcher that runs in the test binary's own namespace, for its
// goroutines would be outside of any other.
type running struct {
	mu     sync.Mutex
	state  State
	calls  int
	events atomic.Int64 // calls by Notify

	stop  func()
	ended chan error
}

// run lets the watcher run until the test ends, which must be without error.
func run(t *testing.T, w *Watcher, first State) *running {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	r := &running{state: first, stop: stop, ended: make(chan error, 1)}
	w.Notify(func() { r.events.Add(1) })
	go func() {
		r.ended <- w.Run(ctx, func(s State) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.state, r.calls = s, r.calls+1
		}, func(err error) { t.Errorf("read: %v", err) })
	}()
	t.Cleanup(func() {
		stop()
		if err := <-r.ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		if err := w.Close(); err != nil {
			t.Errorf("close again: %v", err)
		}
	})
	return r
}

func watch(t *testing.T) *running {
	t.Helper()
	labtest.Require(t)
	w, first, err := Watch()
	if err != nil {
		t.Fatal(err)
	}
	return run(t, w, first)
}

func (r *running) last() (s State, calls int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state, r.calls
}

func (r *running) await(t *testing.T, what string, seen func(State) error) {
	t.Helper()
	labtest.Eventually(t, within, what, func() error {
		s, _ := r.last()
		return seen(s)
	})
}

func (r *running) awaitEvents(t *testing.T, atLeast int64) {
	t.Helper()
	labtest.Eventually(t, within, "word of events", func() error {
		if n := r.events.Load(); n < atLeast {
			return fmt.Errorf("%d, want %d", n, atLeast)
		}
		return nil
	})
}

// eth0Is is a condition on the link eth0.
func eth0Is(holds func(Link) bool) func(State) error {
	return func(s State) error {
		if l, ok := s.Link("eth0"); !ok || !holds(l) {
			return fmt.Errorf("eth0: %+v, found %v", l, ok)
		}
		return nil
	}
}

// Each change by itself brings a new state that shows it, and what comes last
// is what the kernel says.
func TestWatcherFollows(t *testing.T) {
	labtest.Require(t)
	k := own(t)
	r := watch(t)
	here := func(prefixes ...string) func(State) error {
		return func(s State) error { return holds(s, prefixes...) }
	}
	gone := func(prefixes ...string) func(State) error {
		return func(s State) error { return lacks(s, prefixes...) }
	}
	addRoute := func(prefix string, table int) func() {
		return func() { k.must(k.RouteAdd(k.route(unix.RTN_LOCAL, prefix, "lo", table))) }
	}
	deleteRoute := func(prefix string, table int) func() {
		return func() { k.must(k.RouteDel(k.route(unix.RTN_LOCAL, prefix, "lo", table))) }
	}
	for _, step := range []struct {
		what string
		do   func()
		seen func(State) error
	}{
		{"IPv4 address added", func() { k.addAddress("lo", "192.0.2.1/32") }, here("192.0.2.1/32")},
		{"IPv6 address added", func() { k.addAddress("lo", "2001:db8:ffff::1/128") }, here("2001:db8:ffff::1/128")},
		{"IPv4 address removed", func() { k.deleteAddress("lo", "192.0.2.1/32") }, gone("192.0.2.1/32")},
		{"IPv6 address removed", func() { k.deleteAddress("lo", "2001:db8:ffff::1/128") }, gone("2001:db8:ffff::1/128")},
		{"IPv4 AnyIP route added", addRoute("192.0.2.0/24", unix.RT_TABLE_LOCAL), here("192.0.2.0/24")},
		{"IPv6 AnyIP route added", addRoute("2001:db8:a::/64", unix.RT_TABLE_LOCAL), here("2001:db8:a::/64")},
		{"IPv4 AnyIP route removed", deleteRoute("192.0.2.0/24", unix.RT_TABLE_LOCAL), gone("192.0.2.0/24")},
		{"IPv6 AnyIP route removed", deleteRoute("2001:db8:a::/64", unix.RT_TABLE_LOCAL), gone("2001:db8:a::/64")},
		{"AnyIP route in another table added", addRoute("192.0.2.0/24", 1000), here("192.0.2.0/24")},
		{"AnyIP route in another table removed", deleteRoute("192.0.2.0/24", 1000), gone("192.0.2.0/24")},
		{"link added", func() { k.addVeth("eth0", "far0", 1500, "02:00:5e:10:00:01") },
			eth0Is(func(l Link) bool { return l.Ethernet && !l.Up })},
		{"link brought up", func() { k.setUp("eth0", "far0") }, eth0Is(func(l Link) bool { return l.Up })},
		{"MTU changed", func() { k.must(k.LinkSetMTU(k.link("eth0"), 1400)) }, eth0Is(func(l Link) bool { return l.MTU == 1400 })},
		{"MAC changed", func() { k.must(k.LinkSetHardwareAddr(k.link("eth0"), hardware("02:00:5e:10:00:02"))) },
			eth0Is(func(l Link) bool { return l.MAC == MAC{2, 0, 0x5e, 0x10, 0, 2} })},
		{"addresses on the link added", func() { k.addAddress("eth0", "198.51.100.7/24", "2001:db8:1::7/64") },
			here("198.51.100.7/32", "2001:db8:1::7/128")},
		// The kernel takes the IPv6 addresses of a link that goes down, and only those.
		{"link brought down", func() { k.must(k.LinkSetDown(k.link("eth0"))) }, func(s State) error {
			down := eth0Is(func(l Link) bool { return !l.Up })
			return errors.Join(down(s), holds(s, "198.51.100.7/32"), lacks(s, "2001:db8:1::7/128"))
		}},
		{"link up again", func() { k.setUp("eth0") }, eth0Is(func(l Link) bool { return l.Up })},
		// Of the IPv4 routes that go with a link it says nothing.
		{"link removed", func() { k.must(k.LinkDel(k.link("eth0"))) }, func(s State) error {
			if l, ok := s.Link("eth0"); ok {
				return fmt.Errorf("still there: %+v", l)
			}
			return lacks(s, "198.51.100.7/32")
		}},
	} {
		before := r.events.Load()
		step.do()
		r.await(t, step.what, step.seen)
		r.awaitEvents(t, before+1)
	}
	r.await(t, "the last state is the kernel's", func(s State) error {
		if truth, err := k.state(); err != nil || !s.Equal(truth) {
			return fmt.Errorf("%+v, want %+v, %w", s, truth, err)
		}
		return nil
	})
}

// An edge that takes up or gives up hundreds of VIPs at once is told of it a
// few times, not once an address.
func TestWatcherGathersBursts(t *testing.T) {
	labtest.Require(t)
	k := own(t)
	r := watch(t)
	addresses := vips(512)
	for _, burst := range []struct {
		name   string
		change func(iface string, addresses ...string)
		seen   func(State, ...string) error
	}{
		{"added", k.addAddress, holds},
		{"removed", k.deleteAddress, lacks},
	} {
		_, before := r.last()
		start := time.Now()
		burst.change("lo", addresses...)
		r.await(t, "512 addresses "+burst.name, func(s State) error { return burst.seen(s, addresses...) })
		_, calls := r.last()
		took := time.Since(start)
		if got := calls - before; got > 1+int(took/settle) || got > 256 {
			t.Errorf("%d calls in %v for 512 addresses %s", got, took, burst.name)
		}
	}
}

// A router's feed tells us nothing. The address that comes last shows that all
// of it was heard.
func TestWatcherIgnoresUnicastRoutes(t *testing.T) {
	labtest.Require(t)
	k := own(t)
	k.addVeth("eth0", "far0", 1500, "02:00:5e:10:00:01")
	t.Cleanup(func() { k.must(k.LinkDel(k.link("eth0"))) })
	k.addAddress("lo", "192.0.2.1/32")
	t.Cleanup(func() { k.deleteAddress("lo", "192.0.2.1/32") })
	for _, name := range []string{"eth0", "far0"} { // no addresses that come by themselves, some time later
		k.must(k.LinkSetIP6AddrGenMode(k.link(name), nl.IN6_ADDR_GEN_MODE_NONE))
	}
	k.setUp("eth0", "far0")
	k.awaitCarrier("eth0", "far0")

	r := watch(t)
	r.awaitEvents(t, 1) // that of the beginning
	for i := range 500 {
		k.must(k.RouteAdd(k.route(unix.RTN_UNICAST, fmt.Sprintf("198.18.%d.%d/32", i>>8, i&255), "eth0", unix.RT_TABLE_MAIN)))
		k.must(k.RouteAdd(k.route(unix.RTN_UNICAST, fmt.Sprintf("2001:db8:%x::/64", i+1), "eth0", unix.RT_TABLE_MAIN)))
	}
	if _, calls := r.last(); calls != 0 {
		t.Errorf("%d calls for 1000 unicast routes", calls)
	}
	k.deleteAddress("lo", "192.0.2.1/32")
	r.await(t, "the last address", func(s State) error { return lacks(s, "192.0.2.1/32") })
	if _, calls := r.last(); calls != 1 {
		t.Errorf("%d calls for one address among unicast routes", calls)
	}
	if events := r.events.Load(); events < 1+2 || events > 100 {
		t.Errorf("told %d times of one address among 1000 unicast routes, want at once and again", events-1)
	}
	k.addAddress("lo", "192.0.2.1/32") // for the cleanup
}

// A rule that comes or goes may change what is local and is told of, but nothing
// is read for it.
func TestWatcherTellsOfRules(t *testing.T) {
	n := labtest.Node(t, "host")
	k := kernel{n.Handle(), t}
	awaitLocal(t, openQuery(t, n), "127.0.0.1", "::1") // the last that come by themselves
	var w *Watcher
	k.must(n.Do(func() (err error) {
		w, _, err = Watch()
		return err
	}))
	var told atomic.Int64
	w.Notify(func() { told.Add(1) })
	pending := make(chan struct{}, 1)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.listen(ctx, pending) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(w.Close(), <-ended); err != nil {
			t.Error(err)
		}
	})
	changes := int64(0)
	change := func(do func(*netlink.Rule) error, family int) {
		t.Helper()
		rule := netlink.NewRule()
		rule.Family, rule.Table, rule.Priority = family, 1000, 100
		k.must(do(rule))
		changes++
		labtest.Eventually(t, within, "word of a rule", func() error {
			if got := told.Load(); got != changes {
				return fmt.Errorf("told %d times of %d changes", got, changes)
			}
			return nil
		})
	}
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		change(k.RuleAdd, family)
		change(k.RuleDel, family)
	}
	change(k.RuleAdd, unix.AF_INET) // when this is told of, what was to be marked before is
	if len(pending) != 0 {
		t.Error("a rule makes the state be read anew")
	}
	k.addAddress("lo", "192.0.2.1/32")
	labtest.Eventually(t, within, "an address makes the state be read anew", func() error {
		if len(pending) == 0 {
			return errors.New("it does not")
		}
		return nil
	})
}

// News that changes nothing of what State holds is no news.
func TestWatcherIgnoresWhatStateDoesNotShow(t *testing.T) {
	labtest.Require(t)
	k := own(t)
	for _, table := range []int{1000, 1001} {
		k.must(k.RouteAdd(k.route(unix.RTN_LOCAL, "192.0.2.0/24", "lo", table)))
	}
	t.Cleanup(func() { k.must(k.RouteDel(k.route(unix.RTN_LOCAL, "192.0.2.0/24", "lo", 1000))) })
	r := watch(t)
	k.must(k.LinkSetTxQLen(k.link("lo"), 7))
	k.must(k.RouteDel(k.route(unix.RTN_LOCAL, "192.0.2.0/24", "lo", 1001))) // one remains
	labtest.Quiet(t, 200*time.Millisecond, "nobody is told", func() error {
		if s, calls := r.last(); calls != 0 {
			return fmt.Errorf("%d calls: %+v", calls, s)
		}
		return nil
	})
}

// Events that did not fit our buffer are lost; the state is not.
func TestWatcherSurvivesLostEvents(t *testing.T) {
	labtest.Require(t)
	k := own(t)
	w, first, err := Watch()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.events.SetReadBuffer(1); err != nil { // the least that the kernel allows
		t.Fatal(err)
	}
	addresses := vips(200)
	k.addAddress("lo", addresses...)
	t.Cleanup(func() { k.deleteAddress("lo", addresses...) })
	r := run(t, w, first)
	r.await(t, "200 addresses", func(s State) error { return holds(s, addresses...) })
}

// The end of the context ends Run, with nil and without leaving anything
// behind; Close may come before, after and again.
func TestWatcherEnds(t *testing.T) {
	labtest.Require(t)
	for _, c := range []struct {
		name  string
		state func(stop func(), k kernel)
	}{
		{"idle", func(stop func(), _ kernel) { stop() }},
		{"with a change pending", func(stop func(), k kernel) {
			k.addAddress("lo", "192.0.2.1/32")
			stop()
			k.deleteAddress("lo", "192.0.2.1/32")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := own(t)
			before := goleak.IgnoreCurrent()
			w, _, err := Watch()
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			ended := make(chan error, 1)
			go func() { ended <- w.Run(ctx, func(State) {}, func(err error) { t.Errorf("read: %v", err) }) }()
			c.state(stop, k)
			select {
			case err := <-ended:
				if err != nil {
					t.Errorf("Run: %v", err)
				}
			case <-time.After(within):
				t.Fatal("Run goes on after the context ended")
			}
			for range 2 {
				if err := w.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			}
			goleak.VerifyNone(t, before)
		})
	}
}

// A watcher that never ran leaves nothing behind either.
func TestWatcherClosedWithoutRun(t *testing.T) {
	labtest.Require(t)
	before := goleak.IgnoreCurrent()
	w, _, err := Watch()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	goleak.VerifyNone(t, before)
}
