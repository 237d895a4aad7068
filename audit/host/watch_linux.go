package host

import (
	"context"
	"errors"
	"fmt"
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

	watchGroups = unix.RTMGRP_LINK | unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE
)

// Watcher hears of changes of links and local routes.
type Watcher struct {
	events *netlink.Conn
	query  *netlink.Conn // kept open, so that reading needs nothing new
	last   State
	close  func() error
}

// Watch subscribes to changes and reads the state they will be changes of.
func Watch() (_ *Watcher, _ State, err error) {
	w := new(Watcher)
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
	if w.events, err = dial(watchGroups); err != nil {
		return nil, State{}, err
	}
	filter, err := bpf.Assemble(relevant)
	if err != nil {
		return nil, State{}, err
	}
	if err := w.events.SetBPF(filter); err != nil {
		return nil, State{}, fmt.Errorf("filter events of links and routes: %w", err)
	}
	if w.query, err = dial(0); err != nil {
		return nil, State{}, err
	}
	if w.last, err = read(w.query); err != nil {
		return nil, State{}, err
	}
	return w, w.last, nil
}

// Close ends the subscription. It may be called again.
func (w *Watcher) Close() error { return w.close() }

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

// listen marks a change as pending for every event that passes the filter, and
// for events lost.
func (w *Watcher) listen(ctx context.Context, pending chan<- struct{}) error {
	for {
		_, err := w.events.Receive()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.Is(err, unix.ENOBUFS) {
			return fmt.Errorf("listen for changes of links and routes: %w", err)
		}
		mark(pending)
	}
}

func mark(pending chan<- struct{}) {
	select {
	case pending <- struct{}{}:
	default:
	}
}

// follow reads the state whenever a change is pending.
func (w *Watcher) follow(ctx context.Context, pending chan struct{}, changed func(State), failed func(error)) {
	pause := settle
	for {
		select {
		case <-ctx.Done():
			return
		case <-pending:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		begin := time.Now()
		state, err := read(w.query)
		pause = max(settle, share*time.Since(begin))
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			failed(err)
			pause = retry
			mark(pending)
		case !state.Equal(w.last):
			w.last = state
			changed(state)
		}
	}
}
