package rules

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/nftables"
)

var table = &nftables.Table{Name: Name, Family: nftables.TableFamilyINet}

// fill adds to the empty table all that is planned. Sets come before the rules
// that look into them.
func fill(conn *nftables.Conn, p plan) error {
	conn.AddObj(&nftables.CounterObj{Table: table, Name: guardName})
	if err := addSets(conn, p.sets); err != nil {
		return err
	}
	// A rule may only go to a chain that is there.
	for _, c := range p.chains {
		conn.AddChain(c.netlink())
	}
	for _, c := range p.chains {
		addRules(conn, c.netlink(), c.rules)
	}
	return conn.Flush()
}

// setRules replaces the rules of the PTB chain in one transaction.
func setRules(conn *nftables.Conn, rules []rule) error {
	ptb := chain{name: ptbChain}.netlink()
	conn.FlushChain(ptb)
	addRules(conn, ptb, rules)
	return conn.Flush()
}

func addRules(conn *nftables.Conn, c *nftables.Chain, rules []rule) {
	for _, r := range rules {
		conn.AddRule(&nftables.Rule{Table: table, Chain: c, Exprs: r.exprs})
	}
}

// replaceSets puts sets in the place of others, to which no rule refers.
func replaceSets(conn *nftables.Conn, old, next []set) error {
	for _, s := range old {
		conn.DelSet(&nftables.Set{Name: s.name, Table: table})
	}
	if err := conn.Flush(); err != nil {
		return err
	}
	return addSets(conn, next)
}

func addSets(conn *nftables.Conn, sets []set) error {
	for _, s := range sets {
		if err := addSet(conn, s); err != nil {
			return fmt.Errorf("set %s: %w", s.name, err)
		}
	}
	return nil
}

func (c chain) netlink() *nftables.Chain {
	n := &nftables.Chain{Name: c.name, Table: table}
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
func addSet(conn *nftables.Conn, s set) error {
	n := &nftables.Set{Table: table, Name: s.name, Interval: true, KeyType: nftables.TypeIPAddr}
	if s.ipv6 {
		n.KeyType = nftables.TypeIP6Addr
	}
	if err := conn.AddSet(n, nil); err != nil {
		return err
	}
	for some := range slices.Chunk(intervals(s.prefixes), elementsAtOnce) {
		if err := conn.SetAddElements(n, some); err != nil {
			return err
		}
		if err := conn.Flush(); err != nil {
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
