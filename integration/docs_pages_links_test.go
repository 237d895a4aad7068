package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every relative link of every page leads to something that is there, and to a heading
// of it where it names one.
func TestLinks(t *testing.T) {
	headings := make(map[string]map[string]bool) // by page
	for _, page := range markdownPages(t) {
		headings[filepath.Clean(page)] = anchors(fileText(t, page))
	}
	seen := 0
	for page := range headings {
		for _, link := range relativeLinks(fileText(t, page)) {
			seen++
			name, anchor, _ := strings.Cut(link, "#")
			target := page
			if name != "" {
				target = filepath.Join(filepath.Dir(page), name)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: link %s: %v", page, link, err)
			} else if anchor != "" && !headings[target][anchor] {
				t.Errorf("%s: link %s: no such heading", page, link)
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d links found", seen)
	}
}

var (
	fencedBlock  = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	inlineCode   = regexp.MustCompile("`[^`\n]+`")
	linkTarget   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	absoluteLink = regexp.MustCompile(`^[a-z]+:`)
	headingLine  = regexp.MustCompile(`(?m)^#+ +(.*?) *$`)
	noAnchor     = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// relativeLinks are the targets of a page's links within the project.
func relativeLinks(text string) (found []string) {
	text = inlineCode.ReplaceAllString(fencedBlock.ReplaceAllString(text, ""), "")
	for _, m := range linkTarget.FindAllStringSubmatch(text, -1) {
		if !absoluteLink.MatchString(m[1]) {
			found = append(found, m[1])
		}
	}
	return found
}

// anchors are those that GitHub gives the headings of a page, which are different
// ones on all of ours.
func anchors(text string) map[string]bool {
	found := make(map[string]bool)
	for _, m := range headingLine.FindAllStringSubmatch(fencedBlock.ReplaceAllString(text, ""), -1) {
		found[strings.ReplaceAll(strings.ToLower(noAnchor.ReplaceAllString(m[1], "")), " ", "-")] = true
	}
	return found
}
