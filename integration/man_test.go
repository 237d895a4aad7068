package integration

import (
	"os/exec"
	"path/filepath"
	"testing"

	"ptbrelay/cmd/ptbrelay/app"
)

// What man reads is well made: mandoc, which is stricter than man, finds no error.
func TestManualPages(t *testing.T) {
	mandoc, folder := requireProgram(t, "mandoc"), t.TempDir()
	if code := app.Run(t.Context(), []string{"man", "--folder", folder}, nil, t.Output(), t.Output()); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	pages, err := filepath.Glob(filepath.Join(folder, "ptbrelay*.1"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("pages %q, %v", pages, err)
	}
	if out, err := exec.Command(mandoc, append([]string{"-Tlint", "-Werror"}, pages...)...).CombinedOutput(); err != nil {
		t.Errorf("mandoc: %v\n%s", err, out)
	}
}
