package integration

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"ptbrelay/classify"
	"ptbrelay/cmd/ptbrelay/app"
	"ptbrelay/config"
	"ptbrelay/relay/outcome"
)

func readme(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
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
			line = strings.Replace(strings.TrimSpace(line), "go run ./cmd/ptbrelay", "ptbrelay", 1)
			args, ok := strings.CutPrefix(line, "ptbrelay ")
			if !ok {
				continue
			}
			seen++
			var stdout, stderr bytes.Buffer
			if code := app.Run(t.Context(), append(strings.Fields(args), "--help"), nil, &stdout, &stderr); code != 0 {
				t.Errorf("%s: exit code %d: %s", line, code, &stderr)
			}
			command, _, _ := strings.Cut(args, " -")
			if !strings.Contains(stdout.String(), "Usage:\n  ptbrelay "+command+" ") {
				t.Errorf("%s: the help is of another command:\n%s", line, &stdout)
			}
		}
	}
	if seen < 3 {
		t.Errorf("only %d commands found", seen)
	}
}

// Every verdict and outcome that this version can end in stands in the README.
func TestReadmeNames(t *testing.T) {
	text := readme(t)
	for v := range classify.Verdicts() {
		if !strings.Contains(text, "`"+v.String()+"`") {
			t.Errorf("verdict %v is not in the README", v)
		}
	}
	for _, o := range []outcome.Outcome{outcome.Relayed, outcome.Duplicate, outcome.LimitedNode, outcome.DryRun, outcome.SendFailed} {
		if !strings.Contains(text, "`"+o.String()+"`") {
			t.Errorf("outcome %v is not in the README", o)
		}
	}
}
