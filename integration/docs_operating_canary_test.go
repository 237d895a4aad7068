package integration

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/config"
)

// The commands that begin and end a dry run do so to every configuration that somebody
// has who came by the README, the page about racks or the one about migrating, with
// `relay`, without, or with nothing under it.
func TestOperatingCanary(t *testing.T) {
	_, task, _ := strings.Cut(chapter(t, operatingPage, "Tasks"), "\n### Run a canary in dry run\n")
	commands := blocks(task, "console")
	have := blocks(fileText(t, readmePage)+fileText(t, acrossPage), "yaml")
	for _, text := range append(have, migrated(t)...) {
		a := newAdmin(t)
		writeFile(t, filepath.Join(a.dir, "config.yaml"), text)
		want := parsed(t, text)
		for i, dry := range []bool{true, false} {
			a.edits(commands[i])
			want.Relay.DryRun = dry
			if diff := cmp.Diff([]string{}, config.Changed(want, parsed(t, a.read("config.yaml")))); diff != "" {
				t.Errorf("dry run %v of\n%s%s", dry, text, diff)
			}
		}
	}
}

// migrated are the configurations of who has followed the page about migrating until both
// relay.
func migrated(t *testing.T) (all []string) {
	t.Helper()
	_, step, _ := strings.Cut(chapter(t, migratingPage, "Move a running group"), "\n### 3. Both relay\n")
	for _, text := range blocks(fileText(t, migratingPage), "yaml") {
		a := newAdmin(t)
		writeFile(t, filepath.Join(a.dir, "config.yaml"), text)
		a.edits(blocks(step, "console")[0])
		text = a.read("config.yaml")
		if parsed(t, text).Relay.DryRun {
			t.Errorf("still a dry run:\n%s", text)
		}
		all = append(all, text)
	}
	if len(all) < 2 {
		t.Errorf("only %d configurations found", len(all))
	}
	return all
}

// edits does those commands that change the configuration.
func (a *admin) edits(commands string) {
	a.t.Helper()
	for line := range strings.Lines(commands) {
		if strings.Contains(line, "/etc/ptbrelay/config.yaml") {
			a.sh(strings.ReplaceAll(line, "/etc/ptbrelay/", ""))
		}
	}
}

func parsed(t *testing.T, text string) config.Config {
	t.Helper()
	c, err := config.Parse(strings.NewReader(text), "config.yaml")
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return c
}
