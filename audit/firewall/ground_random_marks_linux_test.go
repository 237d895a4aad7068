package firewall

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"pgregory.net/rapid"
)

// Whatever small rule set that makes marks the kernel takes, the marks that are certain
// are those of real packets.
func TestRandomMarksGround(t *testing.T) {
	g := newMarkGround(t)
	all, certain := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		randomMarks(rt, g.conn)
		g.do(g.conn.Flush)
		c, n := g.checkMarks(rt)
		certain, all = certain+c, all+n
	})
	if certain < all/2 {
		t.Errorf("%d of %d bits are certain: the test has lost its teeth", certain, all)
	}
	t.Logf("%d of %d bits are certain", certain, all)
}

// randomMarks replaces the table "mangle", to which some of xtables' targets belong, by
// another one.
func randomMarks(rt *rapid.T, c *nftables.Conn) {
	b := newBuilder(rt, c, "mangle")
	below := c.AddChain(&nftables.Chain{Name: "below", Table: b.table})
	b.markRules(below, "")
	for i := range rapid.IntRange(1, 3).Draw(rt, "base chains") {
		chain := &nftables.Chain{Name: fmt.Sprintf("base%d", i), Table: b.table, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookPrerouting}
		priority := nftables.ChainPriority(pick(b, "priority", int32(-300), -150, -140))
		chain.Priority = &priority
		if b.bool("output") {
			// Behind another chain the mark is not that by which packets are routed.
			chain.Hooknum, chain.Type = nftables.ChainHookOutput, nftables.ChainTypeRoute
		}
		b.markRules(c.AddChain(chain), below.Name)
	}
}

func (b builder) markRules(c *nftables.Chain, below string) {
	for range rapid.IntRange(1, 4).Draw(b.T, "rules") {
		var exprs []expr.Any
		for range rapid.IntRange(0, 2).Draw(b.T, "matches") {
			exprs = append(exprs, b.markMatch()...)
		}
		b.conn.AddRule(&nftables.Rule{Table: b.table, Chain: c, Exprs: append(exprs, b.markDeed(below)...)})
	}
}

func (b builder) markMatch() []expr.Any {
	kinds := []func() []expr.Any{b.tos, b.tos, b.tos, b.mark, b.state, b.family, b.connMark}
	if b.table.Family != nftables.TableFamilyINet {
		kinds = append(kinds, b.xtTOS, b.xtTOS, b.xtMark)
	}
	return pick(b, "match", kinds...)()
}

// markDeed draws what a rule does.
func (b builder) markDeed(below string) []expr.Any {
	kinds := []func() []expr.Any{b.setMark, b.setMark, b.changeMark, b.copyTOS, b.setTOS, b.saveMark, b.restoreMark, b.mapTOS}
	if b.table.Family != nftables.TableFamilyINet {
		kinds = append(kinds, b.xtTarget, b.xtTarget, b.xtTarget)
	}
	ends := func(v *expr.Verdict) func() []expr.Any { return func() []expr.Any { return []expr.Any{v} } }
	kinds = append(kinds, ends(&expr.Verdict{Kind: expr.VerdictAccept}), ends(&expr.Verdict{Kind: expr.VerdictReturn}))
	if below != "" {
		kinds = append(kinds, ends(&expr.Verdict{Kind: expr.VerdictJump, Chain: below}), ends(&expr.Verdict{Kind: expr.VerdictGoto, Chain: below}))
	}
	return pick(b, "deed", kinds...)()
}

// loadTOS loads the TOS byte as nft does: one byte in IPv4, parts of two in IPv6. In
// tables of both versions it may be the wrong one.
func (b builder) loadTOS(ipv6 bool) []expr.Any {
	load := &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 1, Len: 1}
	if ipv6 {
		load.Offset, load.Len = 0, 2
	}
	return []expr.Any{load}
}

func (b builder) ofIPv6() bool {
	return b.table.Family == nftables.TableFamilyIPv6 || b.table.Family == nftables.TableFamilyINet && b.bool("as IPv6")
}

func (b builder) tos() []expr.Any {
	if b.ofIPv6() {
		mask := pick(b, "bits", []byte{0x0f, 0xc0}, []byte{0, 0x30}, []byte{0x0f, 0xf0})
		tos := pick(b, "TOS", tosBytes...)
		want := []byte{tos >> 4 & mask[0], tos << 4 & mask[1]}
		return append(b.loadTOS(true), b.masked(mask...), b.compare(want...))
	}
	mask := pick(b, "bits", byte(0xfc), 0x03, 0xff)
	return append(b.loadTOS(false), b.masked(mask), b.compare(pick(b, "TOS", tosBytes...)&mask))
}

func (b builder) connMark() []expr.Any {
	return []expr.Any{&expr.Ct{Register: 1, Key: expr.CtKeyMARK}, b.compare(b.number("mark", 0, 1, 2)...)}
}

func meta(register uint32) expr.Any {
	return &expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: register}
}

func (b builder) setMark() []expr.Any {
	return []expr.Any{&expr.Immediate{Register: 1, Data: b.number("mark", 1, 2, 3, 0x100)}, meta(1)}
}

func (b builder) changeMark() []expr.Any {
	change := &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: b.number("mask", ^uint32(1), 0xff, ^uint32(0)), Xor: b.number("xor", 0, 1, 0x300)}
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyMARK, Register: 1}, change, meta(1)}
}

func (b builder) copyTOS() []expr.Any {
	if b.ofIPv6() {
		return append(b.loadTOS(true), b.masked(pick(b, "bits", []byte{0x0f, 0xc0}, []byte{0x0f, 0xf0})...), meta(1))
	}
	return append(b.loadTOS(false), b.masked(pick(b, "bits", byte(0xfc), 0xff)), meta(1))
}

// setTOS writes DSCP, or all of it.
func (b builder) setTOS() []expr.Any {
	if b.table.Family == nftables.TableFamilyINet {
		return b.setMark() // it would be another version's
	}
	write := &expr.Payload{OperationType: expr.PayloadWrite, SourceRegister: 1, Base: expr.PayloadBaseNetworkHeader, Len: 2}
	change := &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 2, Mask: []byte{0xff, 0x03}, Xor: []byte{0, 0x20}}
	if b.table.Family == nftables.TableFamilyIPv6 {
		change.Mask, change.Xor = []byte{0xf0, 0x3f}, []byte{0x02, 0x00}
	} else {
		write.CsumType, write.CsumOffset = expr.CsumTypeInet, 10
	}
	return []expr.Any{&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Len: 2}, change, write}
}

func (b builder) saveMark() []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyMARK, Register: 1}, &expr.Ct{Key: expr.CtKeyMARK, SourceRegister: true, Register: 1}}
}

func (b builder) restoreMark() []expr.Any {
	return []expr.Any{&expr.Ct{Register: 1, Key: expr.CtKeyMARK}, b.masked(b.number("mask", 1, ^uint32(0))...), meta(1)}
}

// mapTOS sets the mark to what a map has for the byte.
func (b builder) mapTOS() []expr.Any {
	m := &nftables.Set{Table: b.table, Anonymous: true, Constant: true, IsMap: true, KeyType: nftables.TypeInetProto, DataType: nftables.TypeMark}
	var elements []nftables.SetElement
	for _, tos := range tosBytes {
		if b.bool("in the map") {
			elements = append(elements, nftables.SetElement{Key: []byte{tos}, Val: b.number("mark", 1, 0x10, 0x11)})
		}
	}
	if err := b.conn.AddSet(m, elements); err != nil {
		b.Fatal(err)
	}
	return append(b.loadTOS(false), &expr.Lookup{SourceRegister: 1, DestRegister: 1, IsDestRegSet: true, SetName: m.Name, SetID: m.ID}, meta(1))
}

func (b builder) xtTOS() []expr.Any {
	not, tos := pick(b, "inverted", byte(0), 1), pick(b, "TOS", tosBytes...)
	m := pick(b, "extension",
		&expr.Match{Name: "dscp", Info: padding(tos>>2, not)},
		&expr.Match{Name: "tos", Rev: 1, Info: padding(0xff, tos, not)},
		&expr.Match{Name: "tos", Rev: 1, Info: padding(0x03, tos&0x03, not)},
		&expr.Match{Name: "ecn", Info: padding(1, not, tos&0x03)})
	return []expr.Any{m}
}

// padding is what a match of xtables has, padded.
func padding(b ...byte) *xt.Unknown {
	info := xt.Unknown(append(b, make([]byte, (8-len(b)%8)%8)...))
	return &info
}

func (b builder) xtTarget() []expr.Any {
	masks := append(b.number("mark", 1, 2, 0x11), b.number("mask", 1, 0xff, ^uint32(0))...)
	connmark := func(mode byte) *xt.Unknown {
		return padding(slices.Concat(masks, b.number("the packet's", 0xff, 0xff00, ^uint32(0)), []byte{pick(b, "right", byte(0), 1), pick(b, "shift", byte(0), 4), mode})...)
	}
	target := pick(b, "target",
		&expr.Target{Name: "MARK", Rev: 2, Info: padding(masks...)},
		&expr.Target{Name: "CONNMARK", Rev: 2, Info: connmark(connMarkSet)},
		&expr.Target{Name: "CONNMARK", Rev: 2, Info: connmark(connMarkSave)},
		&expr.Target{Name: "CONNMARK", Rev: 2, Info: connmark(connMarkRestore)},
		&expr.Target{Name: "TOS", Rev: 1, Info: padding(pick(b, "value", tosBytes...), pick(b, "bits", byte(0xff), 0x03, 0xfc))},
		&expr.Target{Name: "DSCP", Info: padding(pick(b, "DSCP", byte(8), 46))})
	if target.Name == "DSCP" && b.table.Family == nftables.TableFamilyIPv4 && b.bool("ECN") {
		target = &expr.Target{Name: "ECN", Info: padding(1, pick(b, "ECN bits", byte(0), 1, 3))}
	}
	return []expr.Any{target}
}
