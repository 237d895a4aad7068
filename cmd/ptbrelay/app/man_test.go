package app

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Every command has a page, and every page is of a command.
func TestManTreeIsWhole(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "man1")
	root := rootCommand()
	if err := manTree(root, folder, nil); err != nil {
		t.Fatal(err)
	}
	var want, got []string
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Name() != "help" {
			want = append(want, strings.ReplaceAll(c.CommandPath(), " ", "-")+".1")
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	pages, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages {
		got = append(got, p.Name())
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("pages %q, want %q", got, want)
	}
}
