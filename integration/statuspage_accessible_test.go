package integration

import (
	"encoding/json"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
)

// spoken is what a screen reader is told of one thing on the page.
type spoken struct {
	role, name string
	level      int // of a heading
}

// spoken is the page as a screen reader has it.
func (p *tab) spoken() (all []spoken) {
	p.t.Helper()
	text := func(v *accessibility.Value) (s string) {
		if v != nil {
			_ = json.Unmarshal(v.Value, &s) // other than a string: none
		}
		return s
	}
	for _, n := range call(p, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		if n.Ignored {
			continue
		}
		s := spoken{role: text(n.Role), name: text(n.Name)}
		for _, property := range n.Properties {
			if property.Name == accessibility.PropertyNameLevel {
				if err := json.Unmarshal(property.Value.Value, &s.level); err != nil {
					p.t.Fatal(err)
				}
			}
		}
		all = append(all, s)
	}
	return all
}

// A screen reader finds headings in their order, and every table and picture has a
// name.
func testPageAccessible(t *testing.T, b browser, s *browsed) {
	p := b.tab(t)
	p.open(s.url)
	p.unfold()
	count, level := make(map[string]int), 0
	for _, x := range p.spoken() {
		count[x.role]++
		switch x.role {
		case "heading":
			if x.level > level+1 || x.level == 1 && level > 0 {
				t.Errorf("heading %q of level %d after one of level %d", x.name, x.level, level)
			}
			level = x.level
			fallthrough
		case "table", "image", "link", "button", "DisclosureTriangle":
			if x.name == "" {
				t.Errorf("a %s without a name", x.role)
			}
		}
	}
	for role, least := range map[string]int{"main": 1, "heading": 4, "table": 4, "image": 2, "rowheader": 20, "columnheader": 8} {
		if count[role] < least {
			t.Errorf("%d of role %s, want %d at least: %v", count[role], role, least, count)
		}
	}
	if lang := evaluate[string](p, `document.documentElement.lang`); lang != "en" {
		t.Errorf("language %q", lang)
	}
	if evaluate[string](p, `document.title`) == "" {
		t.Error("no title")
	}
}
