//go:build linux

package labtest

import (
	"slices"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"

	"ptbrelay/integration/lab"
)

var firewall = &nftables.Table{Name: "firewall", Family: nftables.TableFamilyINet}

// ctStateInvalid is NF_CT_STATE_INVALID_BIT.
const ctStateInvalid = 1

// CTInvalid matches what conntrack calls invalid ("ct state invalid").
func CTInvalid() []expr.Any {
	return []expr.Any{
		&expr.Ct{Register: 1, Key: expr.CtKeySTATE},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(ctStateInvalid), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
}

// Drop loads "MATCH counter drop" on a node's input, for each match.
func Drop(t testing.TB, n *lab.Node, matches ...[]expr.Any) {
	t.Helper()
	err := n.Do(func() error {
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		conn.AddTable(firewall)
		input := conn.AddChain(&nftables.Chain{
			Name: "input", Table: firewall, Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter,
		})
		for _, match := range matches {
			exprs := slices.Concat(match, []expr.Any{&expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop}})
			conn.AddRule(&nftables.Rule{Table: firewall, Chain: input, Exprs: exprs})
		}
		return conn.Flush()
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Dropped is how many packets the rules of [Drop] have dropped on a node.
func Dropped(t testing.TB, n *lab.Node) (packets uint64) {
	t.Helper()
	err := n.Do(func() error {
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		rules, err := conn.GetRules(firewall, &nftables.Chain{Name: "input", Table: firewall})
		for _, r := range rules {
			for _, e := range r.Exprs {
				if c, ok := e.(*expr.Counter); ok {
					packets += c.Packets
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return packets
}
