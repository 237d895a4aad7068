package firewall

import (
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// A chain at an interface's ingress drops what comes in there, and lets pass what
// accept or something else lets pass; of other interfaces it sees nothing.
func TestIngressGround(t *testing.T) {
	for _, c := range []struct {
		device         string
		anywhere, eth0 string
	}{
		{"eth0", "may drop: netdev edge base, rule 1: meta l4proto icmp icmp type 3 drop", "drops: netdev edge base, rule 1: meta l4proto icmp icmp type 3 drop"},
		{"lo", "passes", "passes"},
		{"wire", "may drop: netdev edge base, rule 1: meta l4proto icmp icmp type 3 drop", "passes"},
	} {
		t.Run(c.device, func(t *testing.T) {
			g := newGround(t)
			table := g.conn.AddTable(&nftables.Table{Name: "edge", Family: nftables.TableFamilyNetdev})
			chain := g.conn.AddChain(&nftables.Chain{Table: table, Name: "base", Type: nftables.ChainTypeFilter,
				Hooknum: nftables.ChainHookIngress, Priority: nftables.ChainPriorityFilter, Device: c.device})
			g.conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: then(expr.VerdictDrop, icmp(1, 3))})
			g.do(g.conn.Flush)
			r := g.read()
			if got := describe(r.Fate(PTB{})); got != c.anywhere {
				t.Errorf("%s, want %s", got, c.anywhere)
			}
			if got := describe(r.Fate(PTB{Interface: "eth0", Index: g.index})); got != c.eth0 {
				t.Errorf("by eth0: %s, want %s", got, c.eth0)
			}
			g.check(t)
		})
	}
}

// A bridge's chain may see the packet or not, in whichever IP version.
func TestBridgeMayDrop(t *testing.T) {
	g := newGround(t)
	hooked{nftables.TableFamilyBridge, nftables.ChainHookInput, 0, true, nil, nil}.load(g.conn, "filter")
	g.do(g.conn.Flush)
	r := g.read()
	for _, p := range kinds {
		if got, want := describe(r.Fate(p)), "may drop: bridge filter base, policy: policy drop"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// Chains of one priority come in an order that the rules do not show: one that
// marks packets before one that looks at marks, or behind it.
func TestSamePriorityGround(t *testing.T) {
	setMark := []expr.Any{
		&expr.Immediate{Register: 1, Data: []byte{1, 1, 1, 1}},
		&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: 1},
	}
	marked := then(expr.VerdictDrop, eq(&expr.Meta{Key: expr.MetaKeyMARK, Register: 1}, 1, 1, 1, 1))
	for _, more := range []int{0, mostOrders} {
		for _, first := range []bool{false, true} {
			g := newGround(t)
			rules := [][][]expr.Any{{setMark}, {marked}}
			if first {
				rules[0], rules[1] = rules[1], rules[0]
			}
			for i := range 2 + more {
				h := hooked{nftables.TableFamilyINet, nftables.ChainHookInput, 0, false, nil, nil}
				if i < len(rules) {
					h.rules = rules[i]
				}
				h.load(g.conn, "t"+string('a'+rune(i)))
			}
			g.do(g.conn.Flush)
			if o := g.read().Fate(PTB{}); o.Fate != MayDrop || o.Text != "meta mark 0x1010101 drop" {
				t.Errorf("%d more chains: %s", more, describe(o))
			}
			g.check(t)
		}
	}
}
