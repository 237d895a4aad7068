package firewall

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// Whatever small rule set the kernel takes, what is certain of it is true.
func TestRandomRulesGround(t *testing.T) {
	g := newGround(t)
	all, certain := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		randomTable(rt, g.conn)
		g.do(g.conn.Flush)
		all += 2 * len(kinds)
		certain += g.check(rt)
	})
	if certain < all/2 {
		t.Errorf("%d of %d fates are certain: the test has lost its teeth", certain, all)
	}
	t.Logf("%d of %d fates are certain", certain, all)
}

// randomTable replaces the table "random" by another one.
func randomTable(rt *rapid.T, c *nftables.Conn) {
	b := newBuilder(rt, c, "random")
	subs := make([]*nftables.Chain, rapid.IntRange(0, 3).Draw(rt, "chains"))
	for i := range subs {
		subs[i] = c.AddChain(&nftables.Chain{Name: fmt.Sprintf("sub%d", i), Table: b.table})
	}
	for i, s := range subs {
		b.rules(s, subs[i+1:])
	}
	for i := range rapid.IntRange(1, 3).Draw(rt, "base chains") {
		b.rules(b.base(i), subs)
	}
}

// builder builds random rules.
type builder struct {
	*rapid.T
	conn  *nftables.Conn
	table *nftables.Table
}

// newBuilder begins a table of that name in place of any other.
func newBuilder(rt *rapid.T, c *nftables.Conn, name string) builder {
	families := []nftables.TableFamily{nftables.TableFamilyINet, nftables.TableFamilyIPv4, nftables.TableFamilyIPv6}
	for _, f := range families {
		old := &nftables.Table{Name: name, Family: f}
		c.AddTable(old)
		c.DelTable(old)
	}
	return builder{rt, c, c.AddTable(&nftables.Table{Name: name, Family: rapid.SampledFrom(families).Draw(rt, "family")})}
}

func pick[T any](b builder, what string, of ...T) T { return rapid.SampledFrom(of).Draw(b.T, what) }

func (b builder) bool(what string) bool { return rapid.Bool().Draw(b.T, what) }

func (b builder) base(i int) *nftables.Chain {
	priority := nftables.ChainPriority(pick(b, "priority", int32(-300), -150, 0, 10))
	policy := pick(b, "policy", nftables.ChainPolicyAccept, nftables.ChainPolicyAccept, nftables.ChainPolicyDrop)
	return b.conn.AddChain(&nftables.Chain{
		Name: fmt.Sprintf("base%d", i), Table: b.table, Type: nftables.ChainTypeFilter,
		Hooknum:  pick(b, "hook", nftables.ChainHookPrerouting, nftables.ChainHookInput, nftables.ChainHookInput),
		Priority: &priority, Policy: &policy,
	})
}

func (b builder) rules(c *nftables.Chain, targets []*nftables.Chain) {
	for range rapid.IntRange(0, 4).Draw(b.T, "rules") {
		var exprs []expr.Any
		for range rapid.IntRange(0, 2).Draw(b.T, "matches") {
			exprs = append(exprs, b.match()...)
		}
		exprs = append(exprs, b.verdict(targets)...)
		b.conn.AddRule(&nftables.Rule{Table: b.table, Chain: c, Exprs: exprs})
	}
}

func (b builder) verdict(targets []*nftables.Chain) []expr.Any {
	kind := pick(b, "verdict", "accept", "drop", "drop", "return", "mark", "notrack", "jump", "goto", "map", "reject")
	if len(targets) == 0 && (kind == "jump" || kind == "goto") {
		kind = "drop"
	}
	switch kind {
	case "accept":
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}
	case "drop":
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}
	case "return":
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictReturn}}
	case "mark":
		return []expr.Any{
			&expr.Immediate{Register: 1, Data: binaryutil.NativeEndian.PutUint32(pick(b, "mark", uint32(1), 2, 3))},
			&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: 1},
		}
	case "notrack":
		return []expr.Any{&expr.Counter{}, &expr.Notrack{}}
	case "jump":
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictJump, Chain: pick(b, "target", targets...).Name}}
	case "goto":
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictGoto, Chain: pick(b, "target", targets...).Name}}
	case "map":
		return b.verdictMap()
	default:
		return []expr.Any{&expr.Counter{}, &expr.Reject{Type: unix.NFT_REJECT_ICMP_UNREACH, Code: 1}}
	}
}

func (b builder) verdictMap() []expr.Any {
	m := &nftables.Set{Table: b.table, Anonymous: true, Constant: true, IsMap: true,
		KeyType: nftables.TypeInetProto, DataType: nftables.TypeVerdict}
	var elements []nftables.SetElement
	for _, protocol := range []byte{unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6, unix.IPPROTO_TCP} {
		if b.bool("in the map") {
			elements = append(elements, nftables.SetElement{Key: []byte{protocol},
				VerdictData: &expr.Verdict{Kind: pick(b, "element", expr.VerdictAccept, expr.VerdictDrop, expr.VerdictContinue, expr.VerdictReturn)}})
		}
	}
	if err := b.conn.AddSet(m, elements); err != nil {
		b.Fatal(err)
	}
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Lookup{SourceRegister: 1, DestRegister: 0, IsDestRegSet: true, SetName: m.Name, SetID: m.ID},
	}
}

// match draws a match, of xtables' where the family has them.
func (b builder) match() []expr.Any {
	kinds := []func() []expr.Any{b.state, b.state, b.icmpType, b.icmpType, b.typeSet, b.family, b.iifname, b.mark, b.fib, b.source, b.destination, b.index}
	if b.table.Family != nftables.TableFamilyINet {
		kinds = append(kinds, b.xtConntrack, b.xtConntrack, b.xtMark, b.xtAddrType)
	}
	return pick(b, "match", kinds...)()
}

func (b builder) compare(value ...byte) expr.Any {
	return &expr.Cmp{Op: pick(b, "operator", expr.CmpOpEq, expr.CmpOpEq, expr.CmpOpNeq), Register: 1, Data: value}
}

func (b builder) masked(mask ...byte) expr.Any {
	return &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: uint32(len(mask)), Mask: mask, Xor: make([]byte, len(mask))}
}

func (b builder) number(what string, of ...uint32) []byte {
	return binaryutil.NativeEndian.PutUint32(pick(b, what, of...))
}

func (b builder) state() []expr.Any {
	mask := b.number("states", ctInvalid, ctInvalid, ctRelated, ctEstablished|ctRelated, ctUntracked, ctInvalid|ctUntracked, ctNew)
	return []expr.Any{&expr.Ct{Register: 1, Key: expr.CtKeySTATE}, b.masked(mask...), b.compare(0, 0, 0, 0)}
}

func (b builder) icmpType() []expr.Any {
	m := eq(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, pick(b, "protocol", byte(unix.IPPROTO_ICMP), unix.IPPROTO_ICMPV6))
	return append(m,
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
		b.compare(pick(b, "type", byte(3), 2, 8)))
}

func (b builder) typeSet() []expr.Any {
	s := &nftables.Set{Table: b.table, Anonymous: true, Constant: true, KeyType: nftables.TypeICMPType}
	var elements []nftables.SetElement
	for _, kind := range []byte{2, 3, 8, 11} {
		if b.bool("in the set") {
			elements = append(elements, nftables.SetElement{Key: []byte{kind}})
		}
	}
	if err := b.conn.AddSet(s, elements); err != nil {
		b.Fatal(err)
	}
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
		&expr.Lookup{SourceRegister: 1, SetName: s.Name, SetID: s.ID, Invert: b.bool("inverted")},
	}
}

func (b builder) family() []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, b.compare(pick(b, "family", byte(unix.NFPROTO_IPV4), unix.NFPROTO_IPV6))}
}

func (b builder) iifname() []expr.Any {
	name := pick(b, "name", "eth0", "eth1", "lo")
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1}, b.compare(append([]byte(name), make([]byte, 16-len(name))...)...)}
}

func (b builder) index() []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyIIF, Register: 1}, b.compare(b.number("index", 1, 2, 3, 77)...)}
}

func (b builder) mark() []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyMARK, Register: 1}, b.masked(b.number("mask", 1, 2, 0xffffffff)...), b.compare(b.number("mark", 0, 1, 2)...)}
}

func (b builder) fib() []expr.Any {
	return []expr.Any{&expr.Fib{Register: 1, ResultADDRTYPE: true, FlagDADDR: true}, b.compare(b.number("type", routeLocal, routeUnicast)...)}
}

func (b builder) source() []expr.Any {
	return slices.Concat(
		eq(&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: 1}, 0x08, 0x00),
		[]expr.Any{&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 12, Len: 4}, b.masked(0xff, 0xf0, 0, 0)},
		[]expr.Any{b.compare(pick(b, "source", []byte{172, 16, 0, 0}, []byte{198, 48, 0, 0}, []byte{224, 0, 0, 0})...)},
	)
}

func (b builder) destination() []expr.Any {
	return slices.Concat(
		eq(&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: 1}, 0x86, 0xdd),
		[]expr.Any{&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 24, Len: 2}},
		[]expr.Any{b.compare(pick(b, "destination", []byte{0xff, 2}, []byte{0x20, 1}, []byte{0xfe, 0x80})...)},
	)
}
