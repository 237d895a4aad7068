package integration

import (
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// Firewalls that drop what conntrack calls invalid drop every PTB on the wrong
// server. The log comes before them, and the copy, its destination kept, is
// related at the owner.
func TestHealsWithInvalidDropped(t *testing.T) {
	l := labtest.New(t, lab.Options{})
	for _, s := range l.Servers {
		dropInvalid(t, s)
	}
	taps := labtest.TapServers(t, l)
	labtest.StartRelays(t, l)
	r := labtest.Downloads(t, l, lab.Load{})
	if err := r.CheckHash(l.Landings(taps)); err != nil {
		t.Fatal(err)
	}
	for _, x := range r.Results {
		if !x.Finished {
			t.Errorf("%v: %v", x.Flow, x.Err)
		}
	}
	checkSlowest(t, r)
	var dropped uint64
	for _, s := range l.Servers {
		checkLaws(t, s)
		dropped += droppedInvalid(t, s)
	}
	if dropped == 0 {
		t.Error("conntrack called nothing invalid: the rule was not tried")
	}
	t.Logf("%v; %d packets dropped as invalid", r.Summary(), dropped)
}

var firewall = &nftables.Table{Name: "firewall", Family: nftables.TableFamilyINet}

// dropInvalid loads "ct state invalid counter drop" on input.
func dropInvalid(t testing.TB, n *lab.Node) {
	t.Helper()
	const invalid = 1 // NF_CT_STATE_INVALID_BIT
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
		conn.AddRule(&nftables.Rule{Table: firewall, Chain: input, Exprs: []expr.Any{
			&expr.Ct{Register: 1, Key: expr.CtKeySTATE},
			&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(invalid), Xor: make([]byte, 4)},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
			&expr.Counter{},
			&expr.Verdict{Kind: expr.VerdictDrop},
		}})
		return conn.Flush()
	})
	if err != nil {
		t.Fatal(err)
	}
}

// droppedInvalid is how many packets that rule has dropped.
func droppedInvalid(t testing.TB, n *lab.Node) (dropped uint64) {
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
					dropped += c.Packets
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return dropped
}
