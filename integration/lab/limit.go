//go:build linux

package lab

import (
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// limitPTBs has the ISP drop the PTBs that it makes above Options.PTBRate a
// second, with a second's worth at once after a calm, as routers' control
// planes do. The kernel's own limits spare PTBs (icmpv4_mask_allow,
// icmpv6_mask_allow), so nftables does it.
func (l *Lab) limitPTBs() error {
	if l.Options.PTBRate == 0 {
		return nil
	}
	c, err := l.ISP.nftables()
	if err != nil {
		return err
	}
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "isp"})
	chain := c.AddChain(&nftables.Chain{
		Table: table, Name: "output", Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityFilter,
	})
	limited := c.AddChain(&nftables.Chain{Table: table, Name: "ptb"})
	for _, match := range [][]expr.Any{
		icmpMatch(unix.NFPROTO_IPV4, unix.IPPROTO_ICMP, 3, 4),
		icmpMatch(unix.NFPROTO_IPV6, unix.IPPROTO_ICMPV6, 2),
	} {
		c.AddRule(&nftables.Rule{Table: table, Chain: chain,
			Exprs: append(match, &expr.Verdict{Kind: expr.VerdictJump, Chain: limited.Name})})
	}
	c.AddRule(&nftables.Rule{Table: table, Chain: limited, Exprs: []expr.Any{
		&expr.Limit{Type: expr.LimitTypePkts, Rate: uint64(l.Options.PTBRate), Unit: expr.LimitTimeSecond, Burst: uint32(l.Options.PTBRate), Over: true},
		&expr.Counter{},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}})
	if err := c.Flush(); err != nil {
		return fmt.Errorf("node %s: limit PTBs: %w", l.ISP.name, err)
	}
	return nil
}

// icmpMatch matches the family, the protocol and the first bytes of its
// header.
func icmpMatch(family, protocol byte, first ...byte) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{family}},
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{protocol}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: uint32(len(first))},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: first},
	}
}

// nftables talks nf_tables in the node's network namespace.
func (n *Node) nftables() (*nftables.Conn, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.closed {
		return nil, fmt.Errorf("node %s: %w", n.name, ErrClosed)
	}
	c, err := nftables.New(nftables.WithNetNSFd(n.netfd))
	if err != nil {
		return nil, fmt.Errorf("node %s: open nf_tables: %w", n.name, err)
	}
	return c, nil
}
