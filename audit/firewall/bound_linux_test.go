package firewall

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
)

// Chains that jump twice to the next one, with another mark each time: a packet
// comes to the last in 2^12 states, and not all of its rules are looked at as often.
// What is not looked at may drop a packet; nothing is said to pass.
func TestManyStates(t *testing.T) {
	const (
		levels = 12
		rules  = 80 // of the last chain
	)
	marked := func(bit uint32) []expr.Any {
		return []expr.Any{
			&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
			&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4,
				Mask: binaryutil.NativeEndian.PutUint32(^bit), Xor: binaryutil.NativeEndian.PutUint32(bit)},
			&expr.Meta{Key: expr.MetaKeyMARK, Register: 1, SourceRegister: true},
		}
	}
	some := []expr.Any{&expr.Limit{Type: expr.LimitTypePkts, Rate: 1, Unit: expr.LimitTimeSecond}}
	name := func(level uint32) string { return fmt.Sprintf("level%d", level) }
	jump := func(level uint32) []expr.Any {
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictJump, Chain: name(level)}}
	}
	h := hooked{family: nftables.TableFamilyINet, hook: nftables.ChainHookInput, below: map[string][][]expr.Any{},
		rules: [][]expr.Any{jump(0)}}
	for level := range uint32(levels) {
		h.below[name(level)] = [][]expr.Any{slices.Concat(some, marked(1<<level), jump(level+1)), jump(level + 1)}
	}
	for range rules {
		h.below[name(levels)] = append(h.below[name(levels)], []expr.Any{&expr.Counter{}})
	}
	g := newGround(t)
	g.do(func() error {
		h.load(g.conn, "many")
		return g.conn.Flush()
	})
	if o := g.read().Fate(PTB{State: Related}); o.Fate != MayDrop {
		t.Errorf("%+v", o)
	}
}
