package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// Files that operators and their tools look for; others may be there. Zsh looks in a
// folder of the distribution's choice.
var packagedFiles = []string{
	"-rwxr-xr-x root root /usr/bin/ptbrelay",
	"-rw-r--r-- root root /usr/lib/systemd/system/ptbrelay.service",
	"-rw-r--r-- root root /usr/lib/sysusers.d/ptbrelay.conf",
	"drwxr-xr-x root root /etc/ptbrelay",
	"-rw-r--r-- root root /etc/ptbrelay/config.yaml",
	"-rw-r--r-- root root /usr/share/man/man1/ptbrelay.1.gz",
	"-rw-r--r-- root root /usr/share/man/man1/ptbrelay-run.1.gz",
	"-rw-r--r-- root root /usr/share/bash-completion/completions/ptbrelay",
	"-rw-r--r-- root root /usr/share/fish/vendor_completions.d/ptbrelay.fish",
	"-rw-r--r-- root root /usr/share/doc/ptbrelay/README.md",
	"-rw-r--r-- root root /usr/share/doc/ptbrelay/CHANGELOG.md",
	"-rw-r--r-- root root /usr/share/doc/ptbrelay/copyright",
	"-rw-r--r-- root root /usr/share/doc/ptbrelay/reference.yaml",
	"-rw-r--r-- root root /usr/share/doc/ptbrelay/docs/operating.md",
	"-rw-r--r-- root root /usr/share/doc/ptbrelay/nftables/README.md",
	"-rw-r--r-- root root /usr/share/doc/ptbrelay/iptables/README.md",
	"-rw-r--r-- root root /usr/share/doc/ptbrelay/prometheus/rules.yaml",
	"-rw-r--r-- root root /usr/share/doc/ptbrelay/grafana/ptbrelay.json",
}

// packageKind is how the tools of a kind show a package.
type packageKind struct {
	name, program string
	list          []string
	describe      []string
	described     []string
	zsh           string
}

var packageKinds = []packageKind{
	{
		name: "deb", program: "dpkg-deb", list: []string{"dpkg-deb", "--contents"},
		describe:  []string{"dpkg-deb", "--show", "--showformat", "${Package} ${Version} ${Architecture} ${Depends}|"},
		described: []string{"ptbrelay 1.0.0-1 " + runtime.GOARCH + " |"},
		zsh:       "/usr/share/zsh/vendor-completions/_ptbrelay",
	},
	{
		name: "rpm", program: "rpm", list: []string{"rpm", "--query", "--list", "--verbose", "--package"},
		describe: []string{"rpm", "--query", "--package", "--queryformat",
			"%{NAME} %{VERSION}-%{RELEASE} %{ARCH} %{LICENSE} [%{FILENAMES}=%{FILEFLAGS:fflags}\n]"},
		described: []string{"ptbrelay 1.0.0-1 ", " Apache-2.0 ", "/etc/ptbrelay/config.yaml=cn\n"}, // configuration, not replaced
		zsh:       "/usr/share/zsh/site-functions/_ptbrelay",
	},
}

// Both packages hold the same files, of root, and say of themselves what tools go by.
func testPackageContents(t *testing.T, made packages) {
	for _, k := range packageKinds {
		t.Run(k.name, func(t *testing.T) {
			requireProgram(t, k.program)
			path := made.of(t, k.name)
			files := listed(printed(t, append(slices.Clone(k.list), path)...))
			for _, want := range append(packagedFiles, "-rw-r--r-- root root "+k.zsh) {
				if !slices.Contains(files, want) {
					t.Errorf("no %s in\n%s", want, strings.Join(files, "\n"))
				}
			}
			about := printed(t, append(slices.Clone(k.describe), path)...)
			for _, want := range k.described {
				if !strings.Contains(about, want) {
					t.Errorf("no %q in %s", want, about)
				}
			}
		})
	}
	t.Run("lintian", func(t *testing.T) {
		t.Parallel()
		lintian, err := exec.LookPath("lintian")
		if err != nil {
			t.Skip(err) // half of Perl comes with it
		}
		printed(t, lintian, "--allow-root", "--fail-on", "error", made.of(t, "deb"))
	})
}

// listed are the lines of a list of files, by mode, owner, group and path.
func listed(list string) (files []string) {
	for line := range strings.Lines(list) {
		f := strings.Fields(line)
		owner := strings.ReplaceAll(f[1], "/", " ")
		if owner == f[1] { // rpm counts links, then names the owner and the group
			owner = f[2] + " " + f[3]
		}
		path := "/" + strings.Trim(strings.TrimPrefix(f[len(f)-1], "."), "/")
		files = append(files, f[0]+" "+owner+" "+path)
	}
	return files
}

var relativeLink = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)

// Links of an installed page lead to what is installed beside it, or into the web.
func testPackageLinks(t *testing.T, made packages) {
	requireProgram(t, "dpkg-deb")
	root := t.TempDir()
	printed(t, "dpkg-deb", "--extract", made.of(t, "deb"), root)
	doc := filepath.Join(root, "usr/share/doc/ptbrelay")
	pages, err := filepath.Glob(filepath.Join(doc, "*/*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("pages %q (%v)", pages, err)
	}
	for _, page := range append(pages, filepath.Join(doc, "README.md")) {
		for _, m := range relativeLink.FindAllStringSubmatch(fileText(t, page), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s: %v", strings.TrimPrefix(page, doc), err)
			}
		}
	}
}

// The same sources make the same bytes, another day and by somebody with other habits.
func testPackagesReproducible(t *testing.T, made packages) {
	t.Parallel()
	again := packages{made.version, t.TempDir()}
	writeFile(t, filepath.Join(again.folder, "LICENCES"), fileText(t, filepath.Join(made.folder, "LICENCES")))
	line := exec.CommandContext(t.Context(), "sh", "-c", `umask 077; cd ..; exec integration/packages/build.sh "$@"`, "sh",
		filepath.Join(made.folder, "ptbrelay"), made.version, runtime.GOARCH, again.folder)
	line.Env = append(os.Environ(), "TZ=Asia/Tokyo", "LANG=C", "TMPDIR="+t.TempDir())
	if out, err := line.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, k := range packageKinds {
		if fileText(t, made.of(t, k.name)) != fileText(t, again.of(t, k.name)) {
			t.Errorf("the %s differs", k.name)
		}
	}
}

// printed is what a program prints that exits 0.
func printed(t testing.TB, args ...string) (text string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}
