package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	installingPage = "docs/installing.md"
	packageList    = "packages/nfpm.yaml"
)

// The page says of the packages what is in them.
func TestInstallingPackages(t *testing.T) {
	rows := firstGroups(regexp.MustCompile("(?m)^\\| `(/[^`]*)` \\|"), chapter(t, installingPage, "Packages"))
	if len(rows) < 5 {
		t.Errorf("the page has only %q", rows)
	}
	list := fileText(t, packageList)
	for _, path := range rows {
		path, _, some := strings.Cut(path, "*")
		if some {
			path = filepath.Dir(path)
		}
		if !strings.Contains(list, "dst: "+strings.TrimSuffix(path, "/")) {
			t.Errorf("%s is not in the packages", path)
		}
	}
}

// The version that the page chooses is that of the packages, with `v` and without.
func TestInstallingVersion(t *testing.T) {
	m := regexp.MustCompile(`make\s+packages VERSION=v(\S+)` + "`").FindStringSubmatch(chapter(t, installingPage, "Packages"))
	if m == nil {
		t.Fatal("the page chooses none")
	}
	for _, chosen := range []string{"v" + m[1], m[1]} {
		if got := printed(t, "packages/version.sh", chosen, "0"); got != m[1] {
			t.Errorf("%s becomes %s, want %s", chosen, got, m[1])
		}
	}
}

// What is installed by hand is there, and goes where the packages put it.
func TestInstallingByHand(t *testing.T) {
	list := fileText(t, packageList)
	copied := regexp.MustCompile(`(?m)^scp (\S+) SERVER:(\S+)$`).FindAllStringSubmatch(chapter(t, installingPage, "By hand"), -1)
	if len(copied) < 3 {
		t.Fatalf("only %q is copied", copied)
	}
	for _, line := range copied {
		from, to := line[1], line[2]
		if strings.HasSuffix(to, "/") {
			to += filepath.Base(from)
		}
		if !strings.Contains(list, "dst: "+to+",") {
			t.Errorf("the packages have no %s", to)
		}
		if from == "bin/ptbrelay" { // `make build` makes it
			continue
		}
		if _, err := os.Stat(filepath.Join("..", from)); err != nil {
			t.Error(err)
		}
	}
}
