//go:build linux

package lab

import (
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Arrivals counts the PTBs of both families that come in on a node from
// outside, in frames addressed to it: what was really there to be captured,
// whatever became of it.
type Arrivals struct {
	node    *Node
	counter *nftables.CounterObj
}

// CountArrivals starts the count at zero. A node has one.
func (n *Node) CountArrivals() (*Arrivals, error) {
	c, err := n.nftables()
	if err != nil {
		return nil, err
	}
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "arrivals"})
	// Before the tables at priority raw, which may drop.
	chain := c.AddChain(&nftables.Chain{
		Table: table, Name: "prerouting", Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRef(*nftables.ChainPriorityRaw - 1),
	})
	a := &Arrivals{node: n, counter: &nftables.CounterObj{Table: table, Name: "ptbs"}}
	c.AddObj(a.counter)
	for _, f := range Families() {
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(MatchPTB(f),
			&expr.Meta{Key: expr.MetaKeyIIFTYPE, Register: 1},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: binaryutil.NativeEndian.PutUint16(unix.ARPHRD_LOOPBACK)},
			&expr.Meta{Key: expr.MetaKeyPKTTYPE, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.PACKET_HOST}},
			&expr.Objref{Type: unix.NFT_OBJECT_COUNTER, Name: a.counter.Name})})
	}
	if err := c.Flush(); err != nil {
		return nil, fmt.Errorf("node %s: count arrivals: %w", n.name, err)
	}
	return a, nil
}

// Read is the count so far.
func (a *Arrivals) Read() (uint64, error) {
	c, err := a.node.nftables()
	if err != nil {
		return 0, err
	}
	object, err := c.GetObject(a.counter)
	if err != nil {
		return 0, fmt.Errorf("node %s: read arrivals: %w", a.node.name, err)
	}
	counter, ok := object.(*nftables.CounterObj)
	if !ok {
		return 0, fmt.Errorf("node %s: read arrivals: the kernel gave a %T", a.node.name, object)
	}
	return counter.Packets, nil
}
