package firewall

import (
	"fmt"
	"testing"
)

func TestNotrack(t *testing.T) {
	for _, c := range []struct{ before, after track }{
		{fresh, untracked}, {invalid, untracked}, {untracked, untracked},
		{related, related}, {related | fresh, related | untracked},
	} {
		s := state{reached: true, track: c.before}
		if s.notrack(); s.track != c.after {
			t.Errorf("%b: %b, want %b", c.before, s.track, c.after)
		}
	}
}

func TestJoin(t *testing.T) {
	a := state{reached: true, track: related, mark: 0x0101, markKnown: 0xffff}
	b := state{reached: true, track: untracked, mark: 0x0110, markKnown: 0x0fff, rewritten: true}
	want := state{reached: true, track: related | untracked, mark: 0x0100, markKnown: 0x0fee, rewritten: true}
	if got := a.join(b); got != want || b.join(a) != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if a.join(state{}) != a || (state{}).join(a) != a {
		t.Error("a way that leads nowhere counts")
	}
}

// nested is a base chain below which there are others, each the only one of a rule
// of the one above, the last one with the verdict.
func nested(depth int, last verdictKind) Ruleset {
	t := &table{family: familyINet, name: "t", chains: make(map[string]*chain)}
	for i := range depth + 1 {
		v := verdict{last, ""}
		if i < depth {
			v = verdict{verdictJump, fmt.Sprint(i + 1)}
		}
		t.chains[fmt.Sprint(i)] = &chain{table: t, name: fmt.Sprint(i), rules: []rule{{number: 1, expressions: []expression{decision{v}}}}}
	}
	t.chains["0"].base = &base{stage: stageInput}
	return Ruleset{bases: []*chain{t.chains["0"]}}
}

// The kernel goes so deep; what lies deeper is not taken for granted.
func TestDepth(t *testing.T) {
	for depth, want := range map[int]Fate{1: Drops, deepest - 1: Drops, deepest: MayDrop, 3 * deepest: MayDrop} {
		if o := nested(depth, verdictDrop).Fate(PTB{}); o.Fate != want {
			t.Errorf("%d deep: %+v, want %d", depth, o, want)
		}
	}
}

// Chains that jump to themselves, which the kernel refuses, come to an end; so do
// many jumps to chains of many jumps.
func TestLoops(t *testing.T) {
	r := nested(1, verdictAccept)
	base := r.bases[0]
	jump := rule{expressions: []expression{opaque{}, decision{verdict{verdictJump, "0"}}}}
	for range 20 {
		base.rules = append([]rule{jump}, base.rules...)
	}
	if o := r.Fate(PTB{}); o.Fate != MayDrop {
		t.Errorf("%+v", o)
	}
	r = nested(deepest-1, verdictDrop)
	for _, c := range r.bases[0].table.chains {
		for range 5 {
			c.rules = append([]rule{{expressions: append([]expression{opaque{}}, c.rules[0].expressions...)}}, c.rules...)
		}
	}
	if o := r.Fate(PTB{}); o.Fate != Drops {
		t.Errorf("%+v", o)
	}
}
