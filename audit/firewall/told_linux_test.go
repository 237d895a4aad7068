package firewall

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// toldFile is what the menagerie's rules are told as.
const toldFile = "testdata/menagerie/told.txt"

// Rules are told as nft would, as far as they are understood.
func TestTold(t *testing.T) {
	p, ok := tapes(t)["menagerie"]
	if !ok {
		t.Fatal("no menagerie")
	}
	r := reader{asker: p, tables: make(map[tableID]*table)}
	if _, err := r.ruleset(); err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	for _, c := range r.read {
		for i := range c.rules {
			fmt.Fprintf(&told, "%v %s %s: %s\n", c.table.family, c.table.name, c.name, c.rules[i].tell(c.table))
		}
	}
	if *update {
		if err := os.WriteFile(toldFile, []byte(told.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(toldFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), told.String()); diff != "" {
		t.Errorf("told otherwise, wanted -, got +:\n%s", diff)
	}
}
