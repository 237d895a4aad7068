package rules

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// retry is how long Run waits before it tries again to put the table back.
const retry = 200 * time.Millisecond

// Run keeps the table in place until the context ends. A table with an owner
// needs no keeping; one without is compared with the plan after every change of
// the ruleset, and put back where it differs.
func (t *Table) Run(ctx context.Context) error {
	if t.owned {
		<-ctx.Done()
		return nil
	}
	events, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return fmt.Errorf("open netlink socket for nftables events: %w", err)
	}
	if err := events.JoinGroup(unix.NFNLGRP_NFTABLES); err != nil {
		return errors.Join(fmt.Errorf("listen for nftables events: %w", err), events.Close())
	}
	changed := make(chan struct{}, 1)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		<-ctx.Done()
		return events.Close()
	})
	g.Go(func() error { return listen(ctx, events, changed) })
	g.Go(func() error { return t.keep(ctx, changed) })
	return g.Wait()
}

// listen turns any number of events into one pending look at the table.
func listen(ctx context.Context, events *netlink.Conn, changed chan<- struct{}) error {
	for {
		_, err := events.Receive()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.Is(err, unix.ENOBUFS) {
			return fmt.Errorf("listen for nftables events: %w", err)
		}
		select {
		case changed <- struct{}{}:
		default:
		}
	}
}

func (t *Table) keep(ctx context.Context, changed <-chan struct{}) error {
	again := time.NewTimer(0) // the table may have changed before we listened
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-again.C:
		}
		if err := t.restore(); err != nil {
			t.log.Warn("cannot put the nftables table back, trying again", "table", Name, "err", err)
			again.Reset(retry)
		}
	}
}

// restore puts the table back if it is not as planned.
func (t *Table) restore() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn == nil {
		return nil
	}
	same, err := asPlanned(t.conn, newPlan(t.config))
	if err != nil || same {
		return err
	}
	conn, err := t.build(false)
	if err != nil {
		return err
	}
	t.passed = t.guarded.Load() // what the lost table counted since the last reading is lost with it
	_ = t.conn.CloseLasting()   // nothing hangs on the old connection
	t.conn = conn
	t.reinstalled.Add(1)
	t.log.Warn("the nftables table had been changed and was put back", "table", Name)
	return nil
}

// asPlanned reports whether the table is there with as many rules in each chain
// as planned.
func asPlanned(conn *nftables.Conn, p plan) (bool, error) {
	exists, err := tableExists(conn)
	if err != nil || !exists {
		return false, err
	}
	for _, c := range p.chains {
		rules, err := conn.GetRules(table, c.netlink())
		if errors.Is(err, unix.ENOENT) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("list rules of chain %s: %w", c.name, err)
		}
		if len(rules) != len(c.rules) {
			return false, nil
		}
	}
	return true, nil
}
