package firewall

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// What is read at most. Beyond it a chain or set is not known: what they do to a
// packet may be anything.
const (
	mostRules    = 1 << 13
	mostChains   = 1 << 13
	mostSets     = 1 << 12
	mostElements = 1 << 12 // of one set
	mostKeys     = 1 << 15 // of all
)

const (
	genID = 1 // NFTA_GEN_ID

	tableName  = 1 // NFTA_TABLE_NAME
	tableFlags = 2 // NFTA_TABLE_FLAGS
	dormant    = 1 << 0
)

// reader reads what a packet may meet: base chains, what they jump to, and the sets
// that their rules look into. All else, like the thousands of chains that
// translate the addresses of a cluster's services, stays where it is.
type reader struct {
	asker
	tables   map[tableID]*table
	unread   []*chain // that were jumped to
	read     []*chain
	rules    int
	sets     int
	elements int
}

type tableID struct {
	family family
	name   string
}

// read reads the rules once. errChanged: they are not of one moment.
func read(k asker) (Ruleset, error) {
	r := reader{asker: k, tables: make(map[tableID]*table)}
	before, err := r.generation()
	switch {
	case errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EINVAL):
		return Ruleset{}, nil // this kernel has no nf_tables, so no rules
	case err != nil:
		return Ruleset{}, err
	}
	rs, err := r.ruleset()
	if err != nil {
		return Ruleset{}, err
	}
	after, err := r.generation()
	if err == nil && after != before {
		err = errChanged
	}
	return rs, err
}

// ruleset reads what PTBs meet, which other things leave room for, then what makes
// marks before packets are routed, and where those marks are recalled from a
// connection all else that packets of one meet.
func (r *reader) ruleset() (rs Ruleset, err error) {
	if err := r.readTables(); err != nil {
		return Ruleset{}, err
	}
	all, err := r.readBases()
	if err != nil {
		return Ruleset{}, err
	}
	if err := r.readChains(arriving(all)); err != nil {
		return Ruleset{}, err
	}
	rs.names = interfaceNames(r.read)
	if err := r.readChains(routing(all)); err != nil {
		return Ruleset{}, err
	}
	if recalls(r.read) {
		err = r.readChains(all)
	}
	rs.bases = slices.DeleteFunc(all, func(c *chain) bool { return c.table.chains[c.name] == nil })
	return rs, err
}

// generation is a number that changes with the rules.
func (r *reader) generation() (id uint32, err error) {
	err = r.ask(question{kind: unix.NFT_MSG_GETGEN}, func(m answer) error {
		a := parse(m.attributes)
		id = a.number(genID)
		return a.err
	})
	return id, err
}

// readTables notes the tables that are in use: the chains of a dormant one see no
// packets.
func (r *reader) readTables() error {
	return r.ask(question{kind: unix.NFT_MSG_GETTABLE, dump: true}, func(m answer) error {
		a := parse(m.attributes)
		name := a.text(tableName)
		if a.err == nil && a.optional(tableFlags)&dormant == 0 {
			r.tables[tableID{m.family, name}] = &table{
				family: m.family, name: name,
				chains: make(map[string]*chain), sets: make(map[string]*set),
			}
		}
		return a.err
	})
}

// readBases lists the base chains, in the order of a Ruleset's, without their rules.
func (r *reader) readBases() (all []*chain, err error) {
	err = r.ask(question{kind: unix.NFT_MSG_GETCHAIN, dump: true}, func(m answer) error {
		a := parse(m.attributes)
		t, name := r.tables[tableID{m.family, a.text(unix.NFTA_CHAIN_TABLE)}], a.text(unix.NFTA_CHAIN_NAME)
		b, err := decodeBase(m.family, a)
		if err != nil || b == nil || t == nil {
			return err
		}
		all = append(all, &chain{table: t, name: name, base: b})
		return nil
	})
	slices.SortStableFunc(all, func(a, b *chain) int {
		if a.base.stage != b.base.stage {
			return int(a.base.stage) - int(b.base.stage)
		}
		return int(int64(a.base.priority) - int64(b.base.priority))
	})
	return all, err
}

// arriving are those that PTBs may meet.
func arriving(all []*chain) (some []*chain) {
	for _, c := range all {
		if c.base.stage <= stageInput {
			some = append(some, c)
		}
	}
	return some
}

// routing are the chains of output that packets meet before conntrack, or before they
// are routed anew by their mark.
func routing(all []*chain) (some []*chain) {
	last := int32(conntrackPriority)
	for _, c := range all {
		if c.base.routes {
			last = max(last, c.base.priority)
		}
	}
	for _, c := range all {
		if c.base.stage == stageOutput && c.base.priority <= last {
			some = append(some, c)
		}
	}
	return some
}

// want has a chain read, if it has not been.
func (r *reader) want(c *chain) {
	if c.table.chains[c.name] != nil {
		return
	}
	c.table.chains[c.name] = c
	if len(r.read)+len(r.unread) == mostChains {
		c.unread = true
		return
	}
	r.unread = append(r.unread, c)
}

// readChains reads the base chains, and others until none that was read leads to
// another.
func (r *reader) readChains(bases []*chain) error {
	for _, c := range bases {
		r.want(c)
	}
	for len(r.unread) > 0 {
		c := r.unread[0]
		r.unread = r.unread[1:]
		r.read = append(r.read, c)
		if err := r.readRules(c); err != nil {
			return fmt.Errorf("chain %v %s %s: %w", c.table.family, c.table.name, c.name, err)
		}
		for i := range c.rules {
			if err := r.follow(c.table, c.rules[i].expressions); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reader) readRules(c *chain) error {
	q := r.about(unix.NFT_MSG_GETRULE, c.table, unix.NFTA_RULE_TABLE, unix.NFTA_RULE_CHAIN, c.name)
	q.dump = true
	return r.ask(q, func(m answer) error {
		if r.rules == mostRules {
			c.rules, c.unread = nil, true
			return errEnough
		}
		r.rules++
		one, err := decodeRule(parse(m.attributes))
		one.number = len(c.rules) + 1
		c.rules = append(c.rules, one)
		return err
	})
}

// about is a question about a thing of a table.
func (r *reader) about(kind uint8, t *table, tableKind, nameKind uint16, name string) question {
	return question{kind: kind, family: t.family, attributes: []netlink.Attribute{
		{Type: tableKind, Data: []byte(t.name + "\x00")},
		{Type: nameKind, Data: []byte(name + "\x00")},
	}}
}

// follow has read what expressions refer to.
func (r *reader) follow(t *table, all []expression) error {
	for _, x := range all {
		switch x := x.(type) {
		case decision:
			r.followVerdict(t, x.verdict)
		case lookup:
			if err := r.readSet(t, x.set); err != nil {
				return fmt.Errorf("set %v %s %s: %w", t.family, t.name, x.set, err)
			}
		}
	}
	return nil
}

func (r *reader) followVerdict(t *table, v verdict) {
	if v.kind == verdictJump || v.kind == verdictGoto {
		r.want(&chain{table: t, name: v.chain})
	}
}
