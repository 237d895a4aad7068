package integration

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ptbrelay/classify"
	"ptbrelay/cmd/ptbrelay/app"
	"ptbrelay/config"
	"ptbrelay/relay/deliver"
	"ptbrelay/relay/outcome"
	"ptbrelay/relay/transport"
)

const readmePage = "../README.md"

func readme(t *testing.T) string {
	t.Helper()
	return fileText(t, readmePage)
}

// blocks are the fenced blocks of a language, without their indentation.
func blocks(text, language string) (found []string) {
	fence := regexp.MustCompile("(?ms)^( *)```" + language + "\n(.*?)^ *```$")
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		found = append(found, regexp.MustCompile("(?m)^"+m[1]).ReplaceAllString(m[2], ""))
	}
	return found
}

func TestReadmeConfigurations(t *testing.T) {
	found := blocks(readme(t), "yaml")
	if len(found) == 0 {
		t.Fatal("the README shows no configuration")
	}
	for _, text := range found {
		if _, err := config.Parse(strings.NewReader(text), "README.md"); err != nil {
			t.Errorf("%v in:\n%s", err, text)
		}
	}
}

// Every ptbrelay command that the README shows is one, with flags that it has.
func TestReadmeCommands(t *testing.T) {
	seen := 0
	for _, block := range blocks(readme(t), "console") {
		for line := range strings.Lines(block) {
			args, ok := ptbrelayArgs(line)
			if !ok {
				continue
			}
			seen++
			var stdout, stderr bytes.Buffer
			if code := app.Run(t.Context(), append(args, "--help"), nil, &stdout, &stderr); code != 0 {
				t.Errorf("%s: exit code %d: %s", line, code, &stderr)
			}
			if !strings.Contains(stdout.String(), "Usage:\n  ptbrelay "+commandOf(args)+" ") {
				t.Errorf("%s: the help is of another command:\n%s", line, &stdout)
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d commands found", seen)
	}
}

// ptbrelayArgs are the arguments of a line of shell that runs ptbrelay first.
func ptbrelayArgs(line string) (args []string, ok bool) {
	line = strings.Replace(line, "go run ./cmd/ptbrelay", "ptbrelay", 1)
	if rest := strings.IndexAny(line, "#>|"); rest >= 0 {
		line = line[:rest]
	}
	words := strings.Fields(line)
	if len(words) == 0 || words[0] != "ptbrelay" {
		return nil, false
	}
	return words[1:], true
}

// commandOf is what is before flags and files.
func commandOf(args []string) string {
	end := slices.IndexFunc(args, func(arg string) bool { return arg[0] == '-' || strings.ContainsAny(arg, "./") })
	if end < 0 {
		end = len(args)
	}
	return strings.Join(args[:end], " ")
}

// Every verdict, outcome, delivery and result that there is stands in the README.
func TestReadmeNames(t *testing.T) {
	var names []string
	for v := range classify.Verdicts() {
		names = append(names, v.String())
	}
	for o := range outcome.NumOutcomes {
		names = append(names, outcome.Outcome(o).String())
	}
	for d := range outcome.NumDeliveries {
		names = append(names, outcome.Delivery(d).String())
	}
	for r := range transport.NumDatagramResults {
		names = append(names, transport.DatagramResult(r).String())
	}
	for r := range deliver.NumResults {
		names = append(names, deliver.Result(r).String())
	}
	text := readme(t)
	for _, name := range names {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("%s is not in the README", name)
		}
	}
}
