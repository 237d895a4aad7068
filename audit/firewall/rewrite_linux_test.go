package firewall

import (
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// Rules may rewrite a packet. What is known of it is not sure any more, unless they
// leave that as it was, as where they set its DSCP.
func TestRewriteGround(t *testing.T) {
	write := func(offset, n uint32) *expr.Payload {
		return &expr.Payload{OperationType: expr.PayloadWrite, SourceRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: n}
	}
	dscp := []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Len: 2},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 2, Mask: []byte{0xff, 0x03}, Xor: []byte{0, 0x20}},
	}
	for _, c := range []struct {
		name string
		rule []expr.Any
		want Fate
	}{
		{"DSCP", append(dscp, write(0, 2)), Drops},
		{"TTL", []expr.Any{&expr.Immediate{Register: 1, Data: []byte{9}}, write(8, 1)}, Drops},
		{"VIP", []expr.Any{&expr.Immediate{Register: 1, Data: []byte{192, 0, 2, 1}}, write(16, 4)}, MayDrop},
		{"protocol", []expr.Any{&expr.Immediate{Register: 1, Data: []byte{1}}, write(9, 1)}, Drops},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGround(t)
			hooked{nftables.TableFamilyIPv4, nftables.ChainHookPrerouting, -300, false, [][]expr.Any{c.rule}, nil}.load(g.conn, "first")
			byAddress := then(expr.VerdictDrop, eq(&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 9, Len: 1}, protocolICMP))
			hooked{nftables.TableFamilyIPv4, nftables.ChainHookInput, 0, false, [][]expr.Any{byAddress}, nil}.load(g.conn, "second")
			g.do(g.conn.Flush)
			if o := g.read().Fate(PTB{}); o.Fate != c.want {
				t.Errorf("%s, want fate %d", describe(o), c.want)
			}
			g.check(t)
		})
	}
}

// A set that packets add to holds tomorrow what it does not today.
func TestDynamicSet(t *testing.T) {
	g := newGround(t)
	table := g.conn.AddTable(&nftables.Table{Name: "filter", Family: nftables.TableFamilyINet})
	input := g.conn.AddChain(&nftables.Chain{Table: table, Name: "input", Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter})
	set := &nftables.Set{Table: table, Name: "seen", KeyType: nftables.TypeMark, Dynamic: true, HasTimeout: true}
	if err := g.conn.AddSet(set, nil); err != nil {
		t.Fatal(err)
	}
	g.conn.AddRule(&nftables.Rule{Table: table, Chain: input, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
		&expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}})
	g.do(g.conn.Flush)
	if got, want := describe(g.read().Fate(PTB{})), "may drop: inet filter input, rule 1: meta mark @seen drop"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestDecodeVerdict(t *testing.T) {
	for code, want := range map[int32]verdictKind{
		0: verdictDrop, 1: verdictAccept, 3: verdictElsewhere, 7<<16 | 3: verdictElsewhere, 13 << 16: verdictDrop,
		-1: verdictContinue, -2: verdictBreak, -3: verdictJump, -4: verdictGoto, -5: verdictReturn, -6: verdictElsewhere,
	} {
		if got := decodeVerdict(code); got != want {
			t.Errorf("code %#x: %v, want %v", code, verdict{kind: got}, verdict{kind: want})
		}
	}
}
