package integration

import (
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Whoever builds a version, where and when, gets the same bytes: a static binary that
// knows its version and its modules, and nothing of where it was made.
func TestReproducible(t *testing.T) {
	t.Parallel() // with what waits
	here := makeBinary(t, "..")
	text := fileText(t, here)
	t.Run("elsewhere", func(t *testing.T) {
		copied, home := t.TempDir(), t.TempDir()
		copyTree(t, "..", copied)
		there := makeBinary(t, copied, "HOME="+home, "USER=somebody", "GOPATH="+home, "TMPDIR="+home,
			"GOFLAGS=-buildvcs=auto", "TZ=Asia/Kathmandu", "LC_ALL=C")
		other := fileText(t, there)
		if other != text {
			t.Errorf("the binaries of two folders differ: cmp %s %s", here, there)
		}
		for _, path := range []string{copied, home} {
			if strings.Contains(other, path) {
				t.Errorf("the binary knows %s", path)
			}
		}
	})
	t.Run("static", func(t *testing.T) { checkStatic(t, here) })
	t.Run("version", func(t *testing.T) {
		out, err := exec.Command(here, "version").Output()
		want := fmt.Sprintf("ptbrelay %s %s linux/%s\n", builtVersion, runtime.Version(), runtime.GOARCH)
		if err != nil || string(out) != want {
			t.Errorf("%q, %v, want %q", out, err, want)
		}
	})
	t.Run("modules", func(t *testing.T) { checkModules(t, here) })
	for _, path := range []string{absolute(t, ".."), goEnv(t, "GOROOT"), goEnv(t, "GOMODCACHE")} {
		if strings.Contains(text, path+"/") {
			t.Errorf("the binary knows %s", path)
		}
	}
}

// copyTree copies the sources, without what git and make keep beside them.
func copyTree(t testing.TB, from, to string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		source, target := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		switch {
		case e.Name() == ".git" || e.Name() == "bin" || e.Name() == "dist":
		case e.IsDir():
			if err := os.CopyFS(target, os.DirFS(source)); err != nil {
				t.Fatal(err)
			}
		default:
			writeFile(t, target, fileText(t, source))
		}
	}
}

// checkStatic fails the test where a program needs a loader or a library.
func checkStatic(t *testing.T, path string) {
	t.Helper()
	program, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("it has a segment of type %v", p.Type)
		}
	}
}

// checkModules compares what the binary says of its modules with the page of their
// licences.
func checkModules(t *testing.T, path string) {
	t.Helper()
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := fileText(t, "packages/licences/README.md")
	const others = 2 // the standard library, and our own module
	if listed := strings.Count(page, "\n| ") - 1; listed != len(info.Deps)+others {
		t.Errorf("%d modules in the binary, %d on the page of the licences", len(info.Deps)+others, listed)
	}
	for _, m := range info.Deps {
		if !strings.Contains(page, fmt.Sprintf("\n| %s | %s | ", m.Path, m.Version)) {
			t.Errorf("%s %s is not on the page of the licences", m.Path, m.Version)
		}
	}
	settings := make(map[string]string)
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if settings["CGO_ENABLED"] != "0" || settings["-trimpath"] != "true" || settings["vcs.revision"] != "" {
		t.Errorf("built with %v", settings)
	}
}
