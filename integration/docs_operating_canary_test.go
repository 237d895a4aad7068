package integration

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/config"
)

// The commands that begin and end a dry run do so to every configuration that somebody
// has who came by the README or the page about racks, with `relay` or without.
func TestOperatingCanary(t *testing.T) {
	_, task, _ := strings.Cut(chapter(t, operatingPage, "Tasks"), "\n### Run a canary in dry run\n")
	commands := blocks(task, "console")
	for _, text := range blocks(fileText(t, readmePage)+fileText(t, acrossPage), "yaml") {
		a := newAdmin(t)
		writeFile(t, filepath.Join(a.dir, "config.yaml"), text)
		want := parsed(t, text)
		for i, dry := range []bool{true, false} {
			for line := range strings.Lines(commands[i]) {
				if strings.Contains(line, "/etc/ptbrelay/config.yaml") {
					a.sh(strings.ReplaceAll(line, "/etc/ptbrelay/", ""))
				}
			}
			want.Relay.DryRun = dry
			if diff := cmp.Diff([]string{}, config.Changed(want, parsed(t, a.read("config.yaml")))); diff != "" {
				t.Errorf("dry run %v of\n%s%s", dry, text, diff)
			}
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
