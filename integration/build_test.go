package integration

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// builtVersion is the version that makeBinary stamps.
const builtVersion = "v9.8.7"

// makeBinary is what `make build` makes of a tree, in a folder of its own.
func makeBinary(t testing.TB, tree string, env ...string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "ptbrelay")
	build := exec.CommandContext(t.Context(), requireProgram(t, "make"), "-s", "-C", tree, "build", "VERSION="+builtVersion, "BIN="+path)
	build.Env = append(build.Environ(), "GOPROXY=off", "GOCACHE="+goEnv(t, "GOCACHE"), "GOMODCACHE="+goEnv(t, "GOMODCACHE"))
	build.Env = append(build.Env, env...)
	if out, err := build.CombinedOutput(); err != nil {
		if !ofRoot(t) {
			t.Skipf("this user may have no modules in the cache, and no network is here: %v\n%s", err, out)
		}
		t.Fatalf("make build: %v\n%s", err, out)
	}
	return path
}

// goEnv is a setting of the go command.
func goEnv(t testing.TB, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), requireProgram(t, "go"), "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
