package firewall

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// PTBs in broadcast frames, as copies come, against rules that look at how a frame was
// addressed.
func TestBroadcastGround(t *testing.T) {
	const host, broadcast, multicast = 0, 1, 2
	everybody := bytes.Repeat([]byte{0xff}, 6)
	pktType := func(op expr.CmpOp, kind byte) []expr.Any {
		return []expr.Any{&expr.Meta{Key: expr.MetaKeyPKTTYPE, Register: 1}, &expr.Cmp{Op: op, Register: 1, Data: []byte{kind}}}
	}
	ethernet := func(offset uint32, of ...byte) []expr.Any {
		return eq(&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseLLHeader, Offset: offset, Len: uint32(len(of))}, of...)
	}
	xtPktType := func(kind, not uint32) []expr.Any {
		return []expr.Any{&expr.Match{Name: "pkttype", Info: padding(host32(kind, not)...)}}
	}
	toType := func(types uint16) []expr.Any {
		return []expr.Any{&expr.Match{Name: "addrtype", Rev: 1, Info: padding(append(host16(0, types), host32(0)...)...)}}
	}
	for name, c := range map[string]struct {
		match       []expr.Any
		one, copied Fate
	}{
		"broadcast":                {pktType(expr.CmpOpEq, broadcast), Passes, Drops},
		"not to this host":         {pktType(expr.CmpOpNeq, host), Passes, Drops},
		"multicast":                {pktType(expr.CmpOpEq, multicast), Passes, Passes},
		"to this host":             {pktType(expr.CmpOpEq, host), Drops, Passes},
		"xtables, broadcast":       {xtPktType(broadcast, 0), Passes, Drops},
		"xtables, not to this":     {xtPktType(host, 1), Passes, Drops},
		"to everybody":             {ethernet(0, everybody...), Passes, Drops},
		"to another host":          {ethernet(0, 2, 0, 0, 0, 0, 9), MayDrop, Passes},
		"from a host":              {ethernet(6, 2, 0, 0, 0, 0, 9), MayDrop, MayDrop},
		"xtables, broadcast in IP": {toType(addrBroadcast), Passes, Passes},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGround(t)
			hooked{nftables.TableFamilyIPv4, nftables.ChainHookInput, 0, false, [][]expr.Any{then(expr.VerdictDrop, c.match)}, nil}.load(g.conn, "filter")
			g.do(g.conn.Flush)
			r := g.read()
			for _, s := range []State{Related, Invalid} {
				for copied, want := range map[bool]Fate{false: c.one, true: c.copied} {
					p := PTB{Interface: "eth0", Index: g.index, State: s, Broadcast: copied}
					if o := r.Fate(p); o.Fate != want {
						t.Errorf("%+v: %s, want fate %d", p, describe(o), want)
					}
				}
			}
			g.check(t)
			g.ethernet = slices.Concat(everybody, g.ethernet[6:])
			for i, passed := range g.send() {
				p := kinds[i]
				p.Broadcast = true
				if o := r.Fate(p); o.Fate == Passes && !passed || o.Fate == Drops && passed {
					t.Errorf("%+v: %s; in truth passed is %v", p, describe(o), passed)
				}
			}
		})
	}
}

// At an interface's ingress too frames have how they were addressed.
func TestBroadcastIngressGround(t *testing.T) {
	g := newGround(t)
	table := g.conn.AddTable(&nftables.Table{Name: "edge", Family: nftables.TableFamilyNetdev})
	chain := g.conn.AddChain(&nftables.Chain{Table: table, Name: "base", Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookIngress, Priority: nftables.ChainPriorityFilter, Device: "eth0"})
	g.conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: slices.Concat(
		eq(&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: 1}, 0x86, 0xdd),
		eq(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, unix.IPPROTO_ICMPV6),
		then(expr.VerdictDrop, eq(&expr.Meta{Key: expr.MetaKeyPKTTYPE, Register: 1}, 1)))})
	g.do(g.conn.Flush)
	g.ethernet = slices.Concat(bytes.Repeat([]byte{0xff}, 6), g.ethernet[6:])
	r, passed := g.read(), g.send()
	for i, p := range kinds {
		p.Interface, p.Broadcast = "eth0", true
		if o := r.Fate(p); (o.Fate == Drops) != p.IPv6 || passed[i] == p.IPv6 {
			t.Errorf("%+v: %s, in truth passed is %v", p, describe(o), passed[i])
		}
	}
}
