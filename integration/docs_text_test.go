package integration

import (
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	readmePage     = "../README.md"
	acrossPage     = "docs/across-racks.md"
	auditingPage   = "docs/auditing.md"
	monitoringPage = "docs/monitoring.md"
	operatingPage  = "docs/operating.md"
	referencePage  = "docs/reference.md"
)

// markdownPages are the Markdown files of the project.
func markdownPages(t *testing.T) (found []string) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		hidden := d != nil && strings.HasPrefix(d.Name(), ".") && path != ".."
		switch {
		case err == nil && hidden && d.IsDir():
			return fs.SkipDir
		case err == nil && !hidden && strings.HasSuffix(path, ".md"):
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// chapter is a part of a page, by its heading.
func chapter(t *testing.T, page, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(fileText(t, page), "\n## "+name+"\n")
	if !ok {
		t.Fatalf("%s has no chapter %q", page, name)
	}
	text, _, _ := strings.Cut(rest, "\n## ")
	return text
}

// blocks are the fenced blocks of a language, without their indentation.
func blocks(text, language string) (found []string) {
	fence := regexp.MustCompile("(?ms)^( *)```" + language + "\n(.*?)^ *```$")
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		found = append(found, regexp.MustCompile("(?m)^"+m[1]).ReplaceAllString(m[2], ""))
	}
	return found
}

// example is a line of shell, and what the page shows that it prints.
type example struct{ line, output string }

// examples are the lines of the console blocks. A text block is what the last line
// before it prints.
func examples(guide string) (all []example) {
	fence := regexp.MustCompile("(?ms)^```(console|text)\n(.*?)^```$")
	for _, block := range fence.FindAllStringSubmatch(guide, -1) {
		if block[1] == "text" {
			all[len(all)-1].output = block[2]
			continue
		}
		for line := range strings.Lines(block[2]) {
			line, _, _ = strings.Cut(line, " #")
			all = append(all, example{line: strings.TrimSpace(line)})
		}
	}
	return all
}

// elided matches what is shown with "…" for a part of a line, or on a line of its own
// for any lines.
func elided(shown string) *regexp.Regexp {
	pattern := regexp.QuoteMeta(shown)
	pattern = regexp.MustCompile(`(?m)^…\n`).ReplaceAllString(pattern, `(.*\n)*`)
	return regexp.MustCompile("^" + strings.ReplaceAll(pattern, "…", ".*") + "$")
}

// firstGroups are the different first groups of all matches, in alphabetical order.
func firstGroups(pattern *regexp.Regexp, text string) []string {
	found := make(map[string]bool)
	for _, m := range pattern.FindAllStringSubmatch(text, -1) {
		found[m[1]] = true
	}
	return slices.Sorted(maps.Keys(found))
}
