package host

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// settle is how long Watch waits after a change for those that come with it:
// 512 addresses added in one go are read a few times, not 512.
const settle = 5 * time.Millisecond

const watchGroups = unix.RTMGRP_LINK | unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE

// Watcher hears of changes of links and local routes.
type Watcher struct {
	events *netlink.Conn
	last   State
	close  func() error
}

// Watch subscribes to changes and reads the state they will be changes of.
func Watch() (*Watcher, State, error) {
	events, err := dial(watchGroups)
	if err != nil {
		return nil, State{}, err
	}
	state, err := Read()
	if err != nil {
		_ = events.Close() // the read error is the one to report
		return nil, State{}, err
	}
	return &Watcher{events: events, last: state, close: sync.OnceValue(events.Close)}, state, nil
}

// Close ends the subscription. It may be called again.
func (w *Watcher) Close() error { return w.close() }

// Run calls changed with each new state, from one goroutine, until the context
// ends; then it returns nil. The state is read anew after every relevant event,
// so a lost event costs nothing but the news of it.
func (w *Watcher) Run(ctx context.Context, changed func(State)) error {
	pending := make(chan struct{}, 1)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		<-ctx.Done()
		return w.Close()
	})
	g.Go(func() error { return w.listen(ctx, pending) })
	g.Go(func() error { return w.follow(ctx, pending, changed) })
	return g.Wait()
}

// listen marks a change as pending for every event that may matter.
func (w *Watcher) listen(ctx context.Context, pending chan<- struct{}) error {
	for {
		msgs, err := w.events.Receive()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.Is(err, unix.ENOBUFS) {
			return fmt.Errorf("listen for changes of links and routes: %w", err)
		}
		if err != nil || relevant(msgs) {
			select {
			case pending <- struct{}{}:
			default:
			}
		}
	}
}

func (w *Watcher) follow(ctx context.Context, pending <-chan struct{}, changed func(State)) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-pending:
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(settle):
		}
		state, err := Read()
		if err != nil {
			return err
		}
		if !state.Equal(w.last) {
			w.last = state
			changed(state)
		}
	}
}

// relevant reports whether a datagram speaks of a link or a local route: a
// router's feed of a million other routes must not make us read.
func relevant(msgs []netlink.Message) bool {
	for _, m := range msgs {
		switch m.Header.Type {
		case unix.RTM_NEWLINK, unix.RTM_DELLINK:
			return true
		case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
			if len(m.Data) > rtmType && m.Data[rtmType] == unix.RTN_LOCAL {
				return true
			}
		}
	}
	return false
}
