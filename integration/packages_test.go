package integration

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestPackages makes the packages of two versions, looks into them, and has machines live
// with them.
func TestPackages(t *testing.T) {
	made := makePackages(t, "v1.0.0", "v1.0.1-rc1-2-g0123abc")
	before, after := made[0], made[1]
	t.Run("contents", func(t *testing.T) { testPackageContents(t, before) })
	t.Run("links", func(t *testing.T) { testPackageLinks(t, before) })
	t.Run("reproducible", func(t *testing.T) { testPackagesReproducible(t, before) })
	for _, tool := range packageTools {
		t.Run(tool.name, func(t *testing.T) {
			t.Run("life", func(t *testing.T) { testPackageLife(t, tool, before, after) })
			t.Run("by hand before", func(t *testing.T) { testPackageByHand(t, tool, before) })
		})
	}
}

// packages are what `make packages` makes of a version, in a folder of its own.
type packages struct {
	version, folder string
}

// of is the one package of a kind, deb or rpm.
func (p packages) of(t testing.TB, kind string) (path string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(p.folder, "*."+kind))
	if err != nil || len(found) != 1 {
		t.Fatalf("the packages of kind %s are %q (%v), want one", kind, found, err)
	}
	return found[0]
}

// makePackages makes the packages of versions, as git describes them, side by side.
func makePackages(t testing.TB, versions ...string) (made []packages) {
	t.Helper()
	requireNfpm(t)
	var ends []func() error
	for _, version := range versions {
		p := packages{version, t.TempDir()}
		said := new(bytes.Buffer)
		make := exec.CommandContext(t.Context(), "make", "-s", "-C", "..", "packages",
			"VERSION="+version, "DIST="+p.folder, "BIN="+filepath.Join(p.folder, "ptbrelay"))
		make.Stdout, make.Stderr = said, said
		if err := make.Start(); err != nil {
			t.Fatal(err)
		}
		made = append(made, p)
		ends = append(ends, func() error {
			if err := make.Wait(); err != nil {
				return fmt.Errorf("make packages: %w\n%s", err, said)
			}
			return nil
		})
	}
	var err error
	for _, end := range ends {
		err = errors.Join(err, end())
	}
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// requireNfpm skips the test where the tool that makes packages is not there: it comes
// with the first `make packages`, and no network is here. Another user than root may have
// no modules at all.
func requireNfpm(t testing.TB) {
	t.Helper()
	requireProgram(t, "make")
	out, err := exec.CommandContext(t.Context(), "go", "tool", "-modfile=packages/nfpm.mod", "nfpm", "--version").CombinedOutput()
	switch {
	case err == nil:
	case os.Getenv("PTBRELAY_REQUIRE_LAB") != "" && ofRoot(t):
		t.Fatalf("nfpm, which `make packages` gets, is not there: %v\n%s", err, out)
	default:
		t.Skipf("nfpm, which `make packages` gets, is not there: %v\n%s", err, out)
	}
}
