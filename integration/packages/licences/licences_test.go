package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write README.md anew")

// packages lists those of the binary for a processor, as `make licences` does.
func packages(t *testing.T, processor string) string {
	t.Helper()
	list := exec.Command("go", "list", "-deps", "-f", fileText(t, "list.tmpl"), "../../../cmd/ptbrelay")
	list.Env = append(list.Environ(), "GOOS=linux", "CGO_ENABLED=0", "GOARCH="+processor)
	list.Stderr = t.Output()
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func fileText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func printed(t *testing.T, packages string) string {
	t.Helper()
	var b strings.Builder
	if err := run(strings.NewReader(packages), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The page lists the modules that the binary has, for each processor the same, and the
// licences that they are under.
func TestPageIsFresh(t *testing.T) {
	for _, processor := range []string{"amd64", "arm64"} {
		page, _, _ := strings.Cut(printed(t, packages(t, processor)), textMark)
		if *update {
			if err := os.WriteFile("README.md", []byte(page), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if old := fileText(t, "README.md"); old != page {
			t.Errorf("README.md is not what %s has; go test -update ./integration/packages/licences writes it anew:\n%s", processor, page)
		}
	}
}

// Every module comes with its licence's text, and with its notices and grants.
func TestTextsAreWhole(t *testing.T) {
	list := packages(t, "amd64")
	all := printed(t, list)
	modules, err := readModules(strings.NewReader(list))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range modules {
		for name, text := range m.files {
			if where := "\n" + filepath.Join(m.path, name) + "\n"; !strings.Contains(all, where) || !strings.Contains(all, strings.TrimSpace(text)) {
				t.Errorf("not all of %s is there", where)
			}
		}
	}
	for _, want := range []string{
		"ptbrelay/LICENSE", "Go/LICENSE", "Go/PATENTS", "github.com/prometheus/client_golang/NOTICE",
		"github.com/prometheus/client_golang/internal/github.com/golang/gddo/LICENSE", "go.yaml.in/yaml/v2/LICENSE.libyaml",
	} {
		if !strings.Contains(all, "\n"+want+"\n") {
			t.Errorf("%s is not there", want)
		}
	}
}

// A text is taken for a licence only as a whole: names and years of copyright may
// differ, no word of it.
func TestRecognise(t *testing.T) {
	ours := fileText(t, "../../../LICENSE")
	if id, err := recognise(ours); id != "Apache-2.0" || err != nil {
		t.Errorf("our own is %q, %v", id, err)
	}
	if id, err := recognise("Copyright (c) 2031 Somebody\n" + strings.ToUpper(ours)); id != "Apache-2.0" || err != nil {
		t.Errorf("with a copyright it is %q, %v", id, err)
	}
	for what, text := range map[string]string{
		"nothing":        "",
		"a word less":    strings.Replace(ours, "irrevocable", "", 1),
		"a clause more":  ours + "\nThe Software shall be used for Good, not Evil.\n",
		"a clause ahead": "Copyright notices and the right to sell are withheld.\n" + ours,
		"half of it":     ours[:len(ours)/2],
	} {
		if id, err := recognise(text); err == nil {
			t.Errorf("%s is taken for %s", what, id)
		}
	}
}

// What cannot be listed is an error, not a gap.
func TestRefused(t *testing.T) {
	bare, odd := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(odd, "LICENSE"), []byte("All rights reserved."), 0o644); err != nil {
		t.Fatal(err)
	}
	line := func(root, folder string) string { return fmt.Sprintf("example.org/m\tv1\t%s\t%s\n", root, folder) }
	for _, c := range []struct{ packages, want string }{
		{"", "no packages"},
		{"example.org/m v1\n", "is no line"},
		{line(bare, bare), "has no licence"},
		{line(odd, odd), "unknown licence"},
		{line(bare, odd), "not in the module's folder"},
		{line(bare, filepath.Join(bare, "absent")), "no such file"},
	} {
		var b strings.Builder
		if err := run(strings.NewReader(c.packages), &b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.packages, err, c.want)
		} else if b.Len() > 0 {
			t.Errorf("%q: printed %s", c.packages, &b)
		}
	}
}
