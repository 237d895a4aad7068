package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

const (
	// settle is how long Watch waits after a change for those that come with
	// it: 512 addresses added in one go are read a few times, not 512.
	settle = 5 * time.Millisecond
	// share bounds what reading may cost: at most a tenth of the time, however
	// large the routing table and however restless.
	share = 10
	// retry is the pause after a state could not be read.
	retry = time.Second

	watchGroups = unix.RTMGRP_LINK | unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE |
		unix.RTMGRP_IPV4_RULE | 1<<(unix.RTNLGRP_IPV6_RULE-1)
)

// Watcher hears of changes of links, local routes and rules.
type Watcher struct {
	events *netlink.Conn
	query  *netlink.Conn // kept open, so that reading needs nothing new
	event  func()
	last   State
	close  func() error
}

// Watch subscribes to changes and reads the state they will be changes of.
func Watch() (_ *Watcher, _ State, err error) {
	w := &Watcher{event: func() {}}
	w.close = sync.OnceValue(func() error {
		var errs []error
		for _, c := range []*netlink.Conn{w.events, w.query} {
			if c != nil {
				errs = append(errs, c.Close())
			}
		}
		return errors.Join(errs...)
	})
	defer func() {
		if err != nil {
			_ = w.Close() // the error on the way out is the one to report
		}
	}()
	if w.events, err = dial(unix.NETLINK_ROUTE, watchGroups); err != nil {
		return nil, State{}, err
	}
	filter, err := bpf.Assemble(relevant)
	if err != nil {
		return nil, State{}, err
	}
	if err := w.events.SetBPF(filter); err != nil {
		return nil, State{}, fmt.Errorf("filter events of links, routes and rules: %w", err)
	}
	if w.query, err = dial(unix.NETLINK_ROUTE, 0); err != nil {
		return nil, State{}, err
	}
	if w.last, err = read(w.query); err != nil {
		return nil, State{}, err
	}
	return w, w.last, nil
}

// Close ends the subscription. It may be called again.
func (w *Watcher) Close() error { return w.close() }

// Notify sets what is called when something may have changed that decides what
// is local: at once for every event of a link, a local route or a rule, and when
// events were lost; and once more some 5 ms after events that were not of rules,
// and after Run began. It is called from two goroutines and must not block. Call
// Notify before Run.
//
// The later call is there because the kernel announces that it takes an IPv4
// route away before it does so (fib_table_delete in net/ipv4/fib_trie.c): who
// asks at the first may still get the old answer. Of other routes there is no
// word, even if one of them hides a part of a local prefix.
func (w *Watcher) Notify(event func()) { w.event = event }

// Run calls changed with each new state, from one goroutine, until the context
// ends; then it returns nil. The state is read anew after every relevant event,
// so a lost event costs nothing but the news of it. When it cannot be read,
// failed is told, the old state stands, and it is tried again.
func (w *Watcher) Run(ctx context.Context, changed func(State), failed func(error)) error {
	pending := make(chan struct{}, 1)
	pending <- struct{}{} // what changed since Watch
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		<-ctx.Done()
		return w.Close()
	})
	g.Go(func() error { return w.listen(ctx, pending) })
	g.Go(func() error {
		w.follow(ctx, pending, changed, failed)
		return nil
	})
	return g.Wait()
}

// listen tells of every event that passes the filter, and of events lost, and
// marks a change as pending for what a state may show.
func (w *Watcher) listen(ctx context.Context, pending chan<- struct{}) error {
	for {
		events, err := w.events.Receive()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.Is(err, unix.ENOBUFS) {
			return fmt.Errorf("listen for changes of links, routes and rules: %w", err)
		}
		w.event()
		if err != nil || slices.ContainsFunc(events, inState) {
			mark(pending)
		}
	}
}

// inState reports whether an event is of something that a State holds.
func inState(m netlink.Message) bool {
	return m.Header.Type != unix.RTM_NEWRULE && m.Header.Type != unix.RTM_DELRULE
}

func mark(pending chan<- struct{}) {
	select {
	case pending <- struct{}{}:
	default:
	}
}

// follow reads the state whenever a change is pending.
func (w *Watcher) follow(ctx context.Context, pending chan struct{}, changed func(State), failed func(error)) {
	var earliest time.Time // for the next reading
	for {
		select {
		case <-ctx.Done():
			return
		case <-pending:
		}
		if !wait(ctx, settle) {
			return
		}
		w.event()
		if !wait(ctx, time.Until(earliest)) {
			return
		}
		begin := time.Now()
		state, err := read(w.query)
		earliest = time.Now().Add(share * time.Since(begin))
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			failed(err)
			earliest = time.Now().Add(retry)
			mark(pending)
		case !state.Equal(w.last):
			w.last = state
			changed(state)
		}
	}
}

// wait reports whether d passed before the context ended.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
