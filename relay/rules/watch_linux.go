package rules

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// retry is how long Run waits before it tries again to put the table back.
const retry = 200 * time.Millisecond

// Run keeps the table in place until the context ends. A table with an owner
// needs no keeping, and ends Run when an update has lost it; one without is
// looked at after every change of the ruleset, and put back where it is not as
// it was made.
func (t *Table) Run(ctx context.Context) error {
	if t.owned {
		select {
		case <-ctx.Done():
			return nil
		case err := <-t.gone:
			return err
		}
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
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-again.C:
		}
		err := t.restore()
		if err != nil {
			if !failing {
				t.log.Warn("cannot put the nftables table back, trying again; PTBs may be missed: see nft list ruleset", "table", t.name(), "err", err)
			}
			failing = true
			again.Reset(retry)
			continue
		}
		if failing {
			t.log.Info("the nftables table is in place again", "table", t.name())
		}
		failing = false
		// Whoever fights over the table gets it back no faster than this.
		select {
		case <-ctx.Done():
		case <-time.After(retry):
		}
	}
}

// name is the name of the table.
func (t *Table) name() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.config.name()
}

// restore puts the table back if it is not as it was made.
func (t *Table) restore() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil
	}
	if t.conn != nil {
		now, err := contents(t.conn, t.config)
		if err != nil || now == t.made {
			return err
		}
	}
	if err := t.rebuild(); err != nil {
		return err
	}
	t.reinstalled++
	t.log.Warn("the nftables table had been changed and was put back; nft monitor shows who changes it", "table", t.config.name())
	return nil
}

// contents tells one state of the table from another: the handles of its rules,
// which the kernel never gives twice, and the elements of its sets. It is empty
// where there is no table.
func contents(conn *nftables.Conn, config Config) (string, error) {
	table := config.netlink()
	exists, err := tableExists(conn, table.Name)
	if err != nil || !exists {
		return "", err
	}
	var b strings.Builder
	for _, name := range []string{baseChain, ptbChain, synChain} {
		rules, err := conn.GetRules(table, &nftables.Chain{Name: name, Table: table})
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return "", fmt.Errorf("list rules of chain %s: %w", name, err)
		}
		for _, r := range rules {
			fmt.Fprintf(&b, "%s %d\n", name, r.Handle)
		}
	}
	sets, err := conn.GetSets(table)
	if err != nil {
		return "", fmt.Errorf("list sets: %w", err)
	}
	for _, s := range sets {
		elements, err := conn.GetSetElements(s)
		if err != nil {
			return "", fmt.Errorf("list elements of set %s: %w", s.Name, err)
		}
		for _, e := range elements {
			fmt.Fprintf(&b, "%s %x %v\n", s.Name, e.Key, e.IntervalEnd)
		}
	}
	return b.String(), nil
}
