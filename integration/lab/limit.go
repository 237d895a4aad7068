//go:build linux

package lab

import (
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
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
	for _, f := range Families() {
		c.AddRule(&nftables.Rule{Table: table, Chain: chain,
			Exprs: append(MatchPTB(f), &expr.Verdict{Kind: expr.VerdictJump, Chain: limited.Name})})
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
