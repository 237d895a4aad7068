package rules

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/nftables"
)

// netlink is the table in the library's terms.
func (c Config) netlink() *nftables.Table {
	return &nftables.Table{Name: c.name(), Family: nftables.TableFamilyINet}
}

// filler changes what is in one table.
type filler struct {
	conn  *nftables.Conn
	table *nftables.Table
}

// fill adds to the empty table all that is planned. Sets come before the rules
// that look into them.
func (f filler) fill(p plan) error {
	f.conn.AddObj(&nftables.CounterObj{Table: f.table, Name: guardName})
	if err := f.addSets(p.sets); err != nil {
		return err
	}
	return f.setChains(nil, p.chains)
}

// setChains puts chains in the place of others, in one transaction.
func (f filler) setChains(old, next []chain) error {
	// A rule may only go to a chain that is there.
	for _, c := range next {
		f.conn.AddChain(f.chain(c))
	}
	for _, c := range old {
		f.conn.FlushChain(f.chain(c))
	}
	for _, c := range next {
		for _, r := range c.rules {
			f.conn.AddRule(&nftables.Rule{Table: f.table, Chain: f.chain(c), Exprs: r.exprs})
		}
	}
	for _, c := range old {
		if !slices.ContainsFunc(next, func(n chain) bool { return n.name == c.name }) {
			f.conn.DelChain(f.chain(c))
		}
	}
	return f.conn.Flush()
}

// replaceSets puts sets in the place of others, to which no rule refers.
func (f filler) replaceSets(old, next []set) error {
	for _, s := range old {
		f.conn.DelSet(&nftables.Set{Name: s.name, Table: f.table})
	}
	if err := f.conn.Flush(); err != nil {
		return err
	}
	return f.addSets(next)
}

func (f filler) addSets(sets []set) error {
	for _, s := range sets {
		if err := f.addSet(s); err != nil {
			return fmt.Errorf("set %s: %w", s.name, err)
		}
	}
	return nil
}

// chain is one in the library's terms.
func (f filler) chain(c chain) *nftables.Chain {
	n := &nftables.Chain{Name: c.name, Table: f.table}
	if c.base {
		accept := nftables.ChainPolicyAccept
		n.Type = nftables.ChainTypeFilter
		n.Hooknum = nftables.ChainHookPrerouting
		n.Priority = nftables.ChainPriorityRaw
		n.Policy = &accept
	}
	return n
}

// elementsAtOnce keeps a transaction below what a socket sends in one go.
const elementsAtOnce = 500

// addSet adds a set to which no rule refers yet, some elements at a time.
func (f filler) addSet(s set) error {
	n := &nftables.Set{Table: f.table, Name: s.name, Interval: true, KeyType: nftables.TypeIPAddr}
	if s.ipv6 {
		n.KeyType = nftables.TypeIP6Addr
	}
	if err := f.conn.AddSet(n, nil); err != nil {
		return err
	}
	for some := range slices.Chunk(intervals(s.prefixes), elementsAtOnce) {
		if err := f.conn.SetAddElements(n, some); err != nil {
			return err
		}
		if err := f.conn.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// intervals turns prefixes into the half-open intervals that the kernel keeps.
// One that reaches the end of the address space has no end.
func intervals(prefixes []netip.Prefix) []nftables.SetElement {
	var elements []nftables.SetElement
	for _, p := range prefixes {
		elements = append(elements, nftables.SetElement{Key: p.Addr().AsSlice()})
		if end := after(p); end.IsValid() {
			elements = append(elements, nftables.SetElement{Key: end.AsSlice(), IntervalEnd: true})
		}
	}
	return elements
}

// after is the first address after the prefix; invalid if there is none.
func after(p netip.Prefix) netip.Addr {
	last := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(last)*8; bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	addr, _ := netip.AddrFromSlice(last)
	return addr.Next()
}
