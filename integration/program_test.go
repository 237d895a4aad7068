package integration

import (
	"os/exec"
	"testing"

	"ptbrelay/integration/labtest"
)

// requireProgram is where a program is; a host without it is [labtest.Unable].
func requireProgram(t testing.TB, name string) (path string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		labtest.Unable(t, err)
	}
	return path
}
