package firewall

import (
	"slices"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"

	"ptbrelay/integration/labtest"
)

// hooked is a base chain with rules, and chains that these jump to, by name.
type hooked struct {
	family   nftables.TableFamily
	hook     *nftables.ChainHook
	priority int32
	drops    bool
	rules    [][]expr.Any
	below    map[string][][]expr.Any
}

func (h hooked) load(c *nftables.Conn, name string) {
	t := c.AddTable(&nftables.Table{Name: name, Family: h.family})
	priority, policy := nftables.ChainPriority(h.priority), nftables.ChainPolicyAccept
	if h.drops {
		policy = nftables.ChainPolicyDrop
	}
	for name := range h.below {
		c.AddChain(&nftables.Chain{Table: t, Name: name})
	}
	base := c.AddChain(&nftables.Chain{Table: t, Name: "base", Type: nftables.ChainTypeFilter, Hooknum: h.hook, Priority: &priority, Policy: &policy})
	for _, r := range h.rules {
		c.AddRule(&nftables.Rule{Table: t, Chain: base, Exprs: r})
	}
	for name, rules := range h.below {
		for _, r := range rules {
			c.AddRule(&nftables.Rule{Table: t, Chain: &nftables.Chain{Table: t, Name: name}, Exprs: r})
		}
	}
}

func then(verdict expr.VerdictKind, matches ...[]expr.Any) []expr.Any {
	return append(slices.Concat(matches...), &expr.Verdict{Kind: verdict})
}

func states(mask uint32) []expr.Any {
	m := labtest.CTInvalid()
	m[1].(*expr.Bitwise).Mask = binaryutil.NativeEndian.PutUint32(mask)
	return m
}

func icmp(protocol, kind byte) []expr.Any {
	return append(eq(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, protocol),
		eq(&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Len: 1}, kind)...)
}

// What kills PTBs in the field, and what does not, each against real PTBs: of IPv4
// related and invalid, and of IPv6 so.
func TestClassicsGround(t *testing.T) {
	const (
		accept = expr.VerdictAccept
		drop   = expr.VerdictDrop
		inet   = nftables.TableFamilyINet
		ipv4   = nftables.TableFamilyIPv4
	)
	input, prerouting := nftables.ChainHookInput, nftables.ChainHookPrerouting
	invalidDropped := "drops: inet filter base, rule 1: ct state invalid drop"
	established := then(accept, states(ctEstablished|ctRelated))
	notrack := hooked{inet, prerouting, -300, false, [][]expr.Any{{&expr.Counter{}, &expr.Notrack{}}}, nil}
	for _, c := range []struct {
		name  string
		load  []hooked
		fates [4]string
	}{
		{"nothing", nil, [4]string{"passes", "passes", "passes", "passes"}},
		{"invalid dropped",
			[]hooked{{inet, input, 0, false, [][]expr.Any{then(drop, states(ctInvalid))}, nil}},
			[4]string{"passes", invalidDropped, "passes", invalidDropped}},
		{"invalid dropped in IPv4",
			[]hooked{{ipv4, input, 0, false, [][]expr.Any{then(drop, states(ctInvalid))}, nil}},
			[4]string{"passes", "drops: ip filter base, rule 1: ct state invalid drop", "passes", "passes"}},
		{"PTBs accepted before",
			[]hooked{{inet, input, 0, false, [][]expr.Any{then(accept, icmp(1, 3)), then(accept, icmp(58, 2)), then(drop, states(ctInvalid))}, nil}},
			[4]string{"passes", "passes", "passes", "passes"}},
		{"accepted in one chain, dropped in the next",
			[]hooked{
				{inet, input, -10, false, [][]expr.Any{then(accept, icmp(1, 3)), then(accept, icmp(58, 2))}, nil},
				{inet, input, 0, false, [][]expr.Any{then(drop, states(ctInvalid))}, nil},
			},
			[4]string{"passes", "drops: inet second base, rule 1: ct state invalid drop", "passes", "drops: inet second base, rule 1: ct state invalid drop"}},
		{"policy drop",
			[]hooked{{inet, input, 0, true, [][]expr.Any{established}, nil}},
			[4]string{"passes", "drops: inet filter base, policy: policy drop", "passes", "drops: inet filter base, policy: policy drop"}},
		{"all untracked, invalid dropped", // facts K15
			[]hooked{notrack, {inet, input, 0, true, [][]expr.Any{established}, nil}},
			[4]string{"drops: inet second base, policy: policy drop", "drops: inet second base, policy: policy drop",
				"drops: inet second base, policy: policy drop", "drops: inet second base, policy: policy drop"}},
		{"all untracked, untracked accepted",
			[]hooked{notrack, {inet, input, 0, true, [][]expr.Any{then(accept, states(ctUntracked))}, nil}},
			[4]string{"passes", "passes", "passes", "passes"}},
		{"untracked too late for the related",
			[]hooked{
				{inet, prerouting, -150, false, [][]expr.Any{{&expr.Counter{}, &expr.Notrack{}}}, nil},
				{inet, input, 0, false, [][]expr.Any{then(drop, states(ctUntracked))}, nil},
			},
			[4]string{"passes", "drops: inet second base, rule 1: ct state untracked drop", "passes", "drops: inet second base, rule 1: ct state untracked drop"}},
		{"invalid dropped before conntrack",
			[]hooked{{inet, prerouting, -300, false, [][]expr.Any{then(drop, states(ctInvalid))}, nil}},
			[4]string{invalidDropped, invalidDropped, invalidDropped, invalidDropped}},
		{"jumps",
			[]hooked{{inet, input, 0, false, [][]expr.Any{
				{&expr.Verdict{Kind: expr.VerdictJump, Chain: "a"}},
				then(drop, states(ctInvalid)),
			}, map[string][][]expr.Any{
				"a": {append(icmp(1, 3), &expr.Verdict{Kind: expr.VerdictGoto, Chain: "b"}), then(accept, states(ctInvalid))},
				"b": {then(expr.VerdictReturn, states(ctInvalid)), then(drop)},
			}}},
			[4]string{"drops: inet filter b, rule 2: drop", "drops: inet filter base, rule 2: ct state invalid drop", "passes", "passes"}},
		{"iptables' conntrack",
			[]hooked{{ipv4, input, 0, false, [][]expr.Any{then(drop, xtState(ctInvalid))}, nil}},
			[4]string{"passes", "drops: ip filter base, rule 1: ct state invalid drop", "passes", "passes"}},
		{"iptables' REJECT", // it refuses to answer an ICMP error, and drops
			[]hooked{{ipv4, input, 0, false, [][]expr.Any{append(xtState(ctRelated), &expr.Target{Name: "REJECT", Info: new(make(xt.Unknown, 4))})}, nil}},
			[4]string{"drops: ip filter base, rule 1: ct state related reject", "passes", "passes", "passes"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGround(t)
			for i, h := range c.load {
				// Some of xtables' targets are for tables of this name.
				h.load(g.conn, [...]string{"filter", "second"}[i])
			}
			g.do(g.conn.Flush)
			r := g.read()
			for i, p := range kinds {
				if got := describe(r.Fate(p)); got != c.fates[i] {
					t.Errorf("%+v: %s, want %s", p, got, c.fates[i])
				}
			}
			if certain := g.check(t); certain != 2*len(kinds) {
				t.Errorf("%d of %d fates are certain", certain, 2*len(kinds))
			}
		})
	}
}

func xtState(mask uint16) []expr.Any {
	info := xt.ConntrackMtinfo3{ConntrackMtinfo2: xt.ConntrackMtinfo2{StateMask: mask}}
	info.MatchFlags = uint16(xt.ConntrackState)
	return []expr.Any{&expr.Match{Name: "conntrack", Rev: 3, Info: &info}}
}

// ICMPv6 let in by a set of types without that of PTBs.
func TestForgottenTypeGround(t *testing.T) {
	for _, types := range [][]byte{{1, 3, 4, 128}, {1, 2, 3, 4, 128}} {
		g := newGround(t)
		table := g.conn.AddTable(&nftables.Table{Name: "filter", Family: nftables.TableFamilyINet})
		policy := nftables.ChainPolicyDrop
		input := g.conn.AddChain(&nftables.Chain{Table: table, Name: "input", Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter, Policy: &policy})
		set := &nftables.Set{Table: table, Anonymous: true, Constant: true, KeyType: nftables.TypeICMP6Type}
		var elements []nftables.SetElement
		for _, kind := range types {
			elements = append(elements, nftables.SetElement{Key: []byte{kind}})
		}
		if err := g.conn.AddSet(set, elements); err != nil {
			t.Fatal(err)
		}
		g.conn.AddRule(&nftables.Rule{Table: table, Chain: input, Exprs: slices.Concat(
			eq(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, unix.IPPROTO_ICMPV6),
			[]expr.Any{
				&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Len: 1},
				&expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID},
				&expr.Verdict{Kind: expr.VerdictAccept},
			})})
		g.do(g.conn.Flush)
		want := Drops
		if slices.Contains(types, 2) {
			want = Passes
		}
		if o := g.read().Fate(PTB{IPv6: true, State: Related}); o.Fate != want {
			t.Errorf("types %v: %s", types, describe(o))
		}
		g.check(t)
	}
}
