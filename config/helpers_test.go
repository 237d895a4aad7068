package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const referenceFile = "../integration/reference.yaml"

func diff(want, got Config) string {
	return cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{}, netip.AddrPort{}))
}

func parseText(text string) (Config, error) { return Parse(strings.NewReader(text), "f.yaml") }

// files returns the YAML files of a folder below testdata, by name.
func files(t testing.TB, folder string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", folder, "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files in %s: %v", folder, err)
	}
	found := make(map[string]string)
	for _, path := range paths {
		found[filepath.Base(path)] = read(t, path)
	}
	return found
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
