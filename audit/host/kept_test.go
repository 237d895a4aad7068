package host

import (
	"slices"
	"testing"
)

func TestKept(t *testing.T) {
	for _, c := range []struct {
		name           string
		others, matter int
		first, length  int
		leftOut        int
		refused        bool
	}{
		{"none", 0, 0, -1, 0, 0, false},
		{"all", 10, 5, 0, 15, 0, false},
		{"what matters before others", MaxKept, 5, 0, MaxKept, 5, false},
		{"others beyond", MaxKept + 7, 0, -1, MaxKept, 7, true},
		{"too many that matter", 3, MaxKept + 7, 0, MaxKept, 10, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var k kept[int]
			refused := false
			for range c.others {
				refused = !k.add(-1, false) || refused
			}
			for i := range c.matter {
				refused = !k.add(i, true) || refused
			}
			list, leftOut := k.list()
			if len(list) != c.length || leftOut != c.leftOut || refused != c.refused || len(list) > 0 && list[0] != c.first {
				t.Errorf("%d entries from %v, %d left out, refused %v", len(list), list[:min(1, len(list))], leftOut, refused)
			}
			if !slices.IsSortedFunc(list, func(a, b int) int { return min(b, 0) - min(a, 0) }) {
				t.Error("others come before what matters")
			}
		})
	}
}
