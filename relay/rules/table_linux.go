package rules

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Table is the installed table. It is there as long as the Table is open: with
// the owner flag the kernel removes it when the process ends in any way.
type Table struct {
	log *slog.Logger

	mu     sync.Mutex // guards the connection and what follows
	conn   *nftables.Conn
	config Config
	owned  bool
	made   string // contents of the table as made, where it has no owner

	passed      uint64 // what the guard counted in tables that are gone
	guarded     uint64 // the last reading, so that it never falls
	reinstalled uint64
}

// Install puts the table in place. A table of that name which nobody owns is
// replaced: one that a killed daemon left, or one that an operator loaded while
// rules.manage is true. A table that another process owns is an error.
func Install(c Config, log *slog.Logger) (*Table, error) {
	t := &Table{config: c, log: log}
	if err := t.install(); err != nil {
		return nil, fmt.Errorf("install nftables table inet %s: %w", Name, err)
	}
	if !t.owned {
		log.Warn("this kernel knows no table owner (before 5.12): the table is watched and put back when it is changed", "table", Name)
	}
	return t, nil
}

// install opens a connection and builds the table on it, owned where the
// kernel can.
func (t *Table) install() error {
	for _, owned := range []bool{true, false} {
		conn, err := t.build(owned)
		if err == nil {
			t.conn, t.owned = conn, owned
			return nil
		}
		// Before 5.12 the flag is unknown.
		if owned && (errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL)) {
			continue
		}
		if errors.Is(err, unix.EPERM) {
			return fmt.Errorf("%w: either another ptbrelay runs here and owns it (nft list table inet %s) "+
				"or CAP_NET_ADMIN is missing (run as root or grant it)", err, Name)
		}
		return err
	}
	return nil
}

// build makes the table on a connection of its own. The connection is closed
// on any error: answers still to come would be taken for later ones.
func (t *Table) build(owned bool) (_ *nftables.Conn, err error) {
	var socket *netlink.Conn
	conn, err := nftables.New(nftables.AsLasting(), nftables.WithSockOptions(func(c *netlink.Conn) error {
		socket = c
		return nil
	}))
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	defer func() {
		if err != nil {
			_ = conn.CloseLasting() // the error on the way out is the one to report
		}
	}()
	exists, err := tableExists(conn)
	if err != nil {
		return nil, err
	}
	if exists {
		t.log.Warn("replacing an nftables table that was there already", "table", Name)
	}
	if err := createTable(socket, owned, exists); err != nil {
		return nil, err
	}
	if err := fill(conn, newPlan(t.config)); err != nil {
		return nil, err
	}
	if !owned {
		t.made, err = contents(conn)
	}
	return conn, err
}

func tableExists(conn *nftables.Conn) (bool, error) {
	tables, err := conn.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return false, fmt.Errorf("list tables: %w", err)
	}
	for _, t := range tables {
		if t.Name == Name {
			return true, nil
		}
	}
	return false, nil
}

// Update changes the installed table to another configuration. No PTB is lost
// meanwhile, and the guard's count goes on.
func (t *Table) Update(c Config) (err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn == nil {
		return errClosed
	}
	steps := []func() error{func() error { return setRules(t.conn, newPlan(c).chains[1].rules) }}
	if !slices.Equal(t.config.VIPs, c.VIPs) {
		// A set's new elements are seen a moment after the rules of the same
		// transaction, its old ones no longer a moment before. So in between
		// there are rules without sets: what is for no VIP meets the policy.
		steps = append([]func() error{
			func() error { return setRules(t.conn, ptbRules(c, nil)) },
			func() error { return replaceSets(t.conn, newPlan(t.config).sets, newPlan(c).sets) },
		}, steps...)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("update nftables table inet %s: %w", Name, err)
		}
	}
	t.config = c
	if !t.owned {
		t.made, err = contents(t.conn)
	}
	return err
}

var errClosed = errors.New("the table has been removed")

// Close removes the table. Safe to call again.
func (t *Table) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn == nil {
		return nil
	}
	t.conn.DelTable(table)
	err := t.conn.Flush()
	if errors.Is(err, unix.ENOENT) {
		err = nil // somebody was faster
	}
	err = errors.Join(err, t.conn.CloseLasting())
	t.conn = nil
	return err
}
