package integration

import (
	"os"
	"os/exec"
	"testing"
)

// requireProgram skips the test where a program is not installed. Where labs are
// required, as in CI, that is a failure.
func requireProgram(t testing.TB, name string) (path string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("PTBRELAY_REQUIRE_LAB") != "" {
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}
