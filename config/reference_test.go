package config

import (
	"strings"
	"testing"
)

// The reference is complete and its values are the defaults.
func TestReferenceIsComplete(t *testing.T) {
	text := read(t, referenceFile)
	c := Config{}
	root, problem := readTree(text)
	if problem != nil {
		t.Fatal(problem)
	}
	d := decoder{at: make(map[string]position), failed: make(map[string]bool)}
	d.root(root, &c)
	if err := join(d.problems); err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if diff := diff(Default(), c); diff != "" {
		t.Error(diff)
	}
	for _, l := range leaves(&c) {
		if d.at[l.path] == (position{}) {
			t.Errorf("%s is missing", l.path)
		}
	}
}

// Each key, or the keys that directly follow one another, stands below a
// comment, and the comment says what cannot be done with it.
func TestReferenceExplainsEveryKey(t *testing.T) {
	needsRestart := make(map[string]bool)
	c := Default()
	for _, l := range leaves(&c) {
		needsRestart[l.path] = l.reload != reloadLive
	}
	for path, comment := range referenceComments(read(t, referenceFile)) {
		if comment == "" {
			t.Errorf("%s is not explained", path)
		}
		if says := strings.Contains(comment, "Restart."); says != needsRestart[path] {
			t.Errorf("%s: the comment says that it needs a restart: %v, the code says %v", path, says, needsRestart[path])
		}
	}
}

// referenceComments returns the comment above each leaf, by its path. A key
// without one of its own shares that of the key before it.
func referenceComments(text string) map[string]string {
	found := make(map[string]string)
	var sections []string
	comment, fresh := "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		trimmed := strings.TrimLeft(line, " ")
		if words, ok := strings.CutPrefix(trimmed, "#"); ok {
			fresh += words
			continue
		}
		if trimmed == "" {
			comment, fresh = "", ""
			continue
		}
		if fresh != "" {
			comment, fresh = fresh, ""
		}
		key, value, _ := strings.Cut(trimmed, ":")
		sections = append(sections[:(len(line)-len(trimmed))/2], key)
		if value != "" {
			found[strings.Join(sections, ".")] = comment
		}
	}
	return found
}
