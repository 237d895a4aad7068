package firewall

import (
	"fmt"
	"slices"
	"testing"
)

// What becomes of a PTB by the verdict of a rule.
func TestFateByVerdict(t *testing.T) {
	for kind, want := range map[verdictKind]Outcome{
		verdictAccept:    {},
		verdictContinue:  {},
		verdictBreak:     {},
		verdictReturn:    {},
		verdictDrop:      {Drops, "ip t c, rule 1 (handle 0)", "drop"},
		verdictElsewhere: {MayDrop, "ip t c, rule 1 (handle 0)", "…"},
	} {
		r := rulesOf(stageInput, []expression{decision{verdict{kind: kind}}})
		if got := r.Fate(PTB{}); got != want {
			t.Errorf("%v: %+v, want %+v", verdict{kind: kind}, got, want)
		}
	}
}

// Whether a chain of conntrack's own priority comes before it or behind is not known.
func TestFateBesideConntrack(t *testing.T) {
	r := rulesOf(stagePrerouting, []expression{decodeState(host32(ctRelated)), decision{verdict{kind: verdictDrop}}})
	for priority, want := range map[int32]Fate{conntrackPriority - 1: Passes, conntrackPriority: MayDrop, conntrackPriority + 1: Drops} {
		r.bases[0].base.priority = priority
		if got := r.Fate(PTB{State: Related}); got.Fate != want {
			t.Errorf("priority %d: %+v, want %d", priority, got, want)
		}
	}
}

// Interfaces are told apart up to a number of names.
func TestEntrancesHaveAnEnd(t *testing.T) {
	var r Ruleset
	for i := range mostEntrances {
		r.names = append(r.names, wholeName(fmt.Sprintf("eth%d", i)))
	}
	if got := len(r.entrances(PTB{})); got != mostEntrances+1 {
		t.Errorf("%d, want each name and all others", got)
	}
	r.names = append(r.names, wholeName("one more"))
	if got := len(r.entrances(PTB{})); got != 1 {
		t.Errorf("%d, want any interface", got)
	}
}

// A map that packets add to may give any verdict; data is known where all elements agree.
func TestLookupMaps(t *testing.T) {
	dropped := key(6)
	dropped.verdict = verdict{kind: verdictDrop}
	r := run{table: &table{sets: map[string]*set{"m": {elements: []element{dropped}, fickle: true}}}}
	r.put(0, constant(6))
	m := lookup{set: "m", target: targetVerdict}.eval(&r)
	for _, v := range []verdictKind{verdictAccept, verdictDrop, verdictContinue, verdictReturn} {
		if m != maybe || !slices.Contains(r.verdicts, verdict{kind: v}) {
			t.Errorf("%v: verdicts %v lack %v", m, r.verdicts, verdict{kind: v})
		}
	}
	one, other, longer := &element{data: []byte{1, 2}}, &element{data: []byte{1, 3}}, &element{data: []byte{1, 2, 3}}
	if got := dataOf([]*element{one, other}, 4); got.equals([]byte{1, 2}) != maybe || got[0].known != 0xff {
		t.Errorf("of one length: %+v", got)
	}
	if got := dataOf([]*element{one, longer}, 4); len(got) != 4 || got[0].known != 0 {
		t.Errorf("of two lengths: %+v", got)
	}
}
