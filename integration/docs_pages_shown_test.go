package integration

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ptbrelay/cmd/ptbrelay/app"
	"ptbrelay/config"
)

// Every yaml block of every page is a configuration that ptbrelay takes. What is in the
// form of another program is a yml block.
func TestPagesConfigurations(t *testing.T) {
	seen := 0
	for _, page := range markdownPages(t) {
		for _, text := range blocks(fileText(t, page), "yaml") {
			seen++
			if _, err := config.Parse(strings.NewReader(text), page); err != nil {
				t.Errorf("%v in:\n%s", err, text)
			}
		}
	}
	if seen < 4 {
		t.Errorf("only %d configurations found", seen)
	}
}

// Every ptbrelay command that a page shows is one, with flags that it has.
func TestPagesCommands(t *testing.T) {
	seen := 0
	for _, page := range markdownPages(t) {
		for _, block := range blocks(fileText(t, page), "console") {
			for line := range strings.Lines(block) {
				for _, args := range ptbrelayCommands(line) {
					seen++
					checkHelp(t, page, args)
				}
			}
		}
	}
	if seen < 40 {
		t.Errorf("only %d commands found", seen)
	}
}

// checkHelp fails the test unless there is help for the command and its flags.
func checkHelp(t *testing.T, page string, args []string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := app.Run(t.Context(), append(slices.Clone(args), "--help"), nil, &stdout, &stderr); code != 0 {
		t.Errorf("%s: ptbrelay %q: exit code %d: %s", page, args, code, &stderr)
		return
	}
	about := regexp.MustCompile(`Usage:\n  ptbrelay ((?:[a-z-]+ )+)`).FindStringSubmatch(stdout.String())
	if about == nil || !strings.HasPrefix(strings.Join(args, " ")+" ", about[1]) {
		t.Errorf("%s: ptbrelay %q: the help is of %q", page, args, about)
	}
}

// programs are the ways in which a line of shell begins a command with ptbrelay: first
// of all, after another, or by a program that runs programs.
var programs = regexp.MustCompile(`(?:^|[|;&(] *|\b(?:do|sudo) |\b(?:ssh|timeout|docker exec) \S+ |-- )(?:/usr/bin/|bin/)?ptbrelay ([^#|;&<>)']+)`)

// ptbrelayCommands are the arguments of each ptbrelay that a line of shell runs.
func ptbrelayCommands(line string) (all [][]string) {
	line = strings.Replace(line, "go run ./cmd/ptbrelay", "ptbrelay", 1)
	for _, m := range programs.FindAllStringSubmatch(line, -1) {
		all = append(all, strings.Fields(m[1]))
	}
	return all
}

// The commands of all the forms that pages have are found, and the name of a service, a
// user or a file is none.
func TestPtbrelayCommands(t *testing.T) {
	for line, want := range map[string]string{
		"ptbrelay genkey | install -m 600 /dev/stdin key":                   "genkey",
		"go run ./cmd/ptbrelay demo   # a lab":                              "demo",
		"for s in server1 server2; do ssh $s ptbrelay pause; done":          "pause",
		"kubectl exec ds/ptbrelay -- ptbrelay selftest":                     "selftest",
		"docker exec ptbrelay ptbrelay selftest":                            "selftest",
		"sudo ptbrelay doctor --format json > file":                         "doctor --format json",
		"ptbrelay check-config && ptbrelay rules nft | ptbrelay replay -":   "check-config,rules nft,replay -",
		"systemctl enable --now ptbrelay":                                   "",
		"install -o ptbrelay -g ptbrelay -m 600 /dev/stdin /etc/ptbrelay/x": "",
		"journalctl -u ptbrelay -n 20":                                      "",
		"chown ptbrelay: http.yaml":                                         "",
	} {
		var found []string
		for _, args := range ptbrelayCommands(line) {
			found = append(found, strings.Join(args, " "))
		}
		if got := strings.Join(found, ","); got != want {
			t.Errorf("%s: found %q, want %q", line, got, want)
		}
	}
}
