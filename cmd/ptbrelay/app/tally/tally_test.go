package tally

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/classify"
	"ptbrelay/relay/outcome"
)

// Every count has its own name and family, and what is 0 is not there.
func TestTally(t *testing.T) {
	var verdicts [classify.NumFamilies][classify.NumVerdicts]uint64
	verdicts[classify.IPv6][classify.Eligible] = 7
	verdicts[classify.IPv6][classify.NotPTB] = 1
	verdicts[classify.FamilyUnknown][classify.NotIP] = 3
	var outcomes [classify.NumFamilies][outcome.NumOutcomes]uint64
	outcomes[classify.IPv4][outcome.Relayed] = 1 << 40
	for _, c := range []struct {
		name string
		got  map[string]map[string]uint64
		want map[string]map[string]uint64
	}{
		{"verdicts", Verdicts(&verdicts), map[string]map[string]uint64{"ipv6": {"eligible": 7, "not-ptb": 1}, "unknown": {"not-ip": 3}}},
		{"outcomes", Outcomes(&outcomes), map[string]map[string]uint64{"ipv4": {"relayed": 1 << 40}}},
		{"nothing", Outcomes(new([classify.NumFamilies][outcome.NumOutcomes]uint64)), map[string]map[string]uint64{}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
}
