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
	log  *slog.Logger
	gone chan error // why there is no table any more

	mu     sync.Mutex     // guards the connection and what follows
	conn   *nftables.Conn // nil where there is no table
	closed bool           // for good
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
	t := &Table{config: c, log: log, gone: make(chan error, 1)}
	if err := t.install(); err != nil {
		return nil, fmt.Errorf("install nftables table inet %s: %w", c.name(), err)
	}
	if !t.owned {
		log.Warn("this kernel knows no table owner (before 5.12): the table is watched and put back when it is changed; a newer kernel guards it", "table", c.name())
	}
	return t, nil
}

// install opens a connection and builds the table on it, owned where the
// kernel can.
func (t *Table) install() (err error) {
	t.owned = true
	t.conn, err = t.build()
	if errors.Is(err, errNoOwner) {
		t.owned = false
		t.conn, err = t.build()
	}
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w: either another ptbrelay runs here and owns it (nft list table inet %s) "+
			"or CAP_NET_ADMIN is missing (run as root or grant it)", err, t.config.name())
	}
	return err
}

// build makes the table on a connection of its own. On any error it leaves no
// table, and closes the connection: answers still to come would be taken for
// later ones.
func (t *Table) build() (_ *nftables.Conn, err error) {
	var socket *netlink.Conn
	conn, err := nftables.New(nftables.AsLasting(), nftables.WithSockOptions(func(c *netlink.Conn) error {
		socket = c
		return nil
	}))
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	made := false
	defer func() {
		if err != nil {
			_ = t.drop(conn, made) // the error on the way out is the one to report
		}
	}()
	exists, err := tableExists(conn, t.config.name())
	if err != nil {
		return nil, err
	}
	if err := createTable(socket, t.config.name(), t.owned, exists); err != nil {
		return nil, err
	}
	made = true
	if exists {
		t.log.Warn("replaced an nftables table that was there already; if you load it yourself, set rules.manage to false", "table", t.config.name())
	}
	if err := t.filler(conn).fill(newPlan(t.config)); err != nil {
		return nil, err
	}
	if !t.owned {
		t.made, err = contents(conn, t.config)
	}
	return conn, err
}

// drop closes a connection and sees to it that our table goes with it.
func (t *Table) drop(conn *nftables.Conn, made bool) error {
	err := conn.CloseLasting()
	if !made || t.owned {
		return err
	}
	fresh, e := nftables.New() // the old one may be out of step
	if e == nil {
		fresh.DelTable(t.config.netlink())
		e = fresh.Flush()
	}
	if !errors.Is(e, unix.ENOENT) {
		err = errors.Join(err, e)
	}
	return err
}

func (t *Table) filler(conn *nftables.Conn) filler {
	return filler{conn: conn, table: t.config.netlink()}
}

func tableExists(conn *nftables.Conn, name string) (bool, error) {
	tables, err := conn.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return false, fmt.Errorf("list tables: %w", err)
	}
	for _, t := range tables {
		if t.Name == name {
			return true, nil
		}
	}
	return false, nil
}

// Update changes the installed table to another configuration, but for its name.
// No PTB is lost meanwhile, and the guard's count goes on. On an error the table is
// made anew as it was; where that fails too, Run ends with the error.
func (t *Table) Update(c Config) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn == nil {
		return errGone
	}
	c.Table = t.config.Table
	if err := t.change(c); err != nil {
		err = fmt.Errorf("update nftables table inet %s: %w", c.name(), err)
		if gone := t.rebuild(); gone != nil {
			err = errors.Join(err, gone)
			select {
			case t.gone <- err:
			default: // Run has been told
			}
		}
		return err
	}
	t.config = c
	return nil
}

// change takes the table from its configuration to another, step by step.
func (t *Table) change(c Config) (err error) {
	f, old, next := t.filler(t.conn), newPlan(t.config), newPlan(c)
	if !slices.Equal(t.config.VIPs, c.VIPs) {
		// A set's new elements are seen a moment after the rules of the same
		// transaction, its old ones no longer a moment before. So in between
		// there are rules without sets: what is for no VIP meets the policy. Of
		// SYNs a moment without a sample is no loss.
		between := c
		between.MSS = false
		without := chains(between, nil)
		if err := f.setChains(old.chains, without); err != nil {
			return err
		}
		if err := f.replaceSets(old.sets, next.sets); err != nil {
			return err
		}
		old.chains = without
	}
	if err := f.setChains(old.chains, next.chains); err != nil {
		return err
	}
	if !t.owned {
		t.made, err = contents(t.conn, c)
	}
	return err
}

// rebuild replaces connection and table by new ones of the same configuration.
// What the old table counted since the last reading is lost with it.
func (t *Table) rebuild() error {
	if t.conn != nil {
		conn := t.conn
		t.conn, t.passed = nil, t.guarded
		if err := t.drop(conn, true); err != nil {
			return err
		}
	}
	conn, err := t.build()
	if err != nil {
		return fmt.Errorf("make it anew as it was: %w", err)
	}
	t.conn = conn
	return nil
}

var errGone = errors.New("the nftables table is gone")

// Close removes the table. Safe to call again.
func (t *Table) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if t.conn == nil {
		return nil
	}
	t.noteGuard() // for Stats, which may be asked later
	err := t.drop(t.conn, true)
	t.conn = nil
	return err
}
