package integration

import (
	"encoding/xml"
	"errors"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	howPage     = "docs/how-it-works.md"
	threatPage  = "docs/threat-model.md"
	sizingPage  = "docs/sizing.md"
	kernelsPage = "docs/kernels.md"
)

// Every test that these pages call upon is a link to the file that has it.
func TestPagesNameTests(t *testing.T) {
	named := regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z]\\w*)`")
	linked := regexp.MustCompile("\\[`(\\w+)`\\]\\(([^)#]+_test\\.go)\\)")
	seen := 0
	for _, page := range []string{howPage, threatPage, sizingPage, kernelsPage} {
		text := fileText(t, page)
		for _, name := range firstGroups(named, linked.ReplaceAllString(text, "")) {
			t.Errorf("%s names %s without a link to its file", page, name)
		}
		for _, m := range linked.FindAllStringSubmatch(text, -1) {
			seen++
			if source := fileText(t, filepath.Join(filepath.Dir(page), m[2])); !strings.Contains(source, "\nfunc "+m[1]+"(") {
				t.Errorf("%s: %s is not in %s", page, m[1], m[2])
			}
		}
	}
	if seen < 40 {
		t.Errorf("only %d tests named", seen)
	}
}

// Every picture is one that needs nothing but itself, on light ground and on dark, has
// words for who does not see it, and is on a page.
func TestPagesPictures(t *testing.T) {
	pictures, err := filepath.Glob("docs/*.svg")
	if err != nil || len(pictures) == 0 {
		t.Fatalf("%d pictures: %v", len(pictures), err)
	}
	page := fileText(t, howPage)
	for _, picture := range pictures {
		text := fileText(t, picture)
		if !regexp.MustCompile(`!\[[^\]]{20,}\]\(` + regexp.QuoteMeta(filepath.Base(picture)) + `\)`).MatchString(page) {
			t.Errorf("%s is not on %s, or has no alternative text", picture, howPage)
		}
		if !strings.Contains(text, "prefers-color-scheme: dark") {
			t.Errorf("%s is for light ground only", picture)
		}
		checkPicture(t, picture, text)
	}
}

// checkPicture fails the test where a picture is not well-formed, has no title, or asks
// for anything from elsewhere.
func checkPicture(t *testing.T, name, text string) {
	t.Helper()
	outside := regexp.MustCompile(`(?i)url\(\s*['"]?[^#'"]|@import|@font-face`)
	address := regexp.MustCompile(`(?i)^[a-z]+:|^//`)
	elements := make(map[string]int)
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		switch token := token.(type) {
		case xml.CharData:
			if outside.Match(token) {
				t.Errorf("%s asks for something from elsewhere: %s", name, token)
			}
		case xml.StartElement:
			elements[token.Name.Local]++
			for _, a := range token.Attr {
				names := a.Name.Local == "xmlns"
				if !names && address.MatchString(a.Value) || outside.MatchString(a.Value) || strings.HasPrefix(a.Name.Local, "on") {
					t.Errorf("%s: <%s %s=%q>", name, token.Name.Local, a.Name.Local, a.Value)
				}
			}
		}
	}
	if elements["title"] != 1 || elements["desc"] != 1 {
		t.Errorf("%s has no title or no description", name)
	}
	for _, element := range []string{"script", "image", "foreignObject", "use", "a"} {
		if elements[element] > 0 {
			t.Errorf("%s has a <%s>", name, element)
		}
	}
}

// tablesOf are those of a text: their rows, the header first, cell by cell.
func tablesOf(text string) (found [][][]string) {
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(line, "|"):
			inside = false
			continue
		case strings.HasPrefix(line, "|---"):
			continue
		case !inside:
			found = append(found, nil)
			inside = true
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		found[len(found)-1] = append(found[len(found)-1], cells)
	}
	return found
}
