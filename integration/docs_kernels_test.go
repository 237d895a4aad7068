package integration

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a kernel has the later ones have too; only the last column is tried, and
// whatever is not everywhere is explained.
func TestKernelsMatrix(t *testing.T) {
	text := fileText(t, kernelsPage)
	matrix := tablesOf(text)[0]
	notes := firstGroups(regexp.MustCompile(`(?m)^(\d+)\. `), chapter(t, kernelsPage, "Why"))
	if len(matrix) < 8 || len(notes) != len(matrix)-1 {
		t.Fatalf("%d rows, %d notes", len(matrix)-1, len(notes))
	}
	for i, row := range matrix[1:] {
		if !strings.HasSuffix(row[0], "["+strconv.Itoa(i+1)+"]") {
			t.Errorf("%q: the note is not %d", row[0], i+1)
		}
		if row[len(row)-1] != "**yes**" {
			t.Errorf("%q: 6.18 is %q, not tried", row[0], row[len(row)-1])
		}
		cells := row[1 : len(row)-1]
		since := max(slices.Index(cells, "yes"), 0)
		for j, cell := range cells {
			if want := map[bool]string{true: "yes", false: "no"}[j >= since]; cell != want {
				t.Errorf("%q, %s: %q, want %q", row[0], matrix[0][j+1], cell, want)
			}
		}
	}
}

// The page has each expression that a rule of ours is made of, and no other.
func TestKernelsExpressions(t *testing.T) {
	used := firstGroups(regexp.MustCompile(`&expr\.(\w+)\{`), fileText(t, "../relay/rules/exprs_linux.go"))
	var listed []string
	for _, row := range tablesOf(chapter(t, kernelsPage, "What the kernel must have"))[0][1:] {
		for _, name := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(row[0], -1) {
			listed = append(listed, name[1])
		}
	}
	slices.Sort(listed)
	if diff := cmp.Diff(used, listed); diff != "" {
		t.Errorf("-used +listed:\n%s", diff)
	}
}
