package rules

import (
	"fmt"

	"github.com/google/nftables"
)

// Stats counts since the table was first installed.
type Stats struct {
	Guarded     uint64 // packets that the guard turned away from the log
	Reinstalled uint64 // times the table had to be put back
}

// Stats reads the guard's counter from the kernel; where it cannot, the last
// reading stands, so that the count never falls.
func (t *Table) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.noteGuard()
	return Stats{Guarded: t.guarded, Reinstalled: t.reinstalled}
}

// noteGuard reads the guard's counter, where there is a table.
func (t *Table) noteGuard() {
	if t.conn == nil {
		return
	}
	if n, err := readGuard(t.conn, t.config); err == nil {
		t.guarded = max(t.guarded, t.passed+n)
	}
}

// LoadedStats reads the guard's counter from a table that ptbrelay did not
// install (rules.manage: false), named [Name]; ok is false where there is none.
func LoadedStats() (Stats, bool) {
	conn, err := nftables.New()
	if err != nil {
		return Stats{}, false
	}
	n, err := readGuard(conn, Config{})
	return Stats{Guarded: n}, err == nil
}

func readGuard(conn *nftables.Conn, config Config) (uint64, error) {
	o, err := conn.GetObject(&nftables.CounterObj{Table: config.netlink(), Name: guardName})
	if err != nil {
		return 0, err
	}
	c, ok := o.(*nftables.CounterObj)
	if !ok {
		return 0, fmt.Errorf("counter %s is a %T", guardName, o)
	}
	return c.Packets, nil
}
