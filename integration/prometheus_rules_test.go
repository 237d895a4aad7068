package integration

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// What we give to Prometheus is what its own tool takes, and each alert fires where
// its cases say so, and nowhere else.
func TestPromtool(t *testing.T) {
	promtool := requireProgram(t, "promtool")
	for _, c := range []struct{ command, file string }{
		{"check rules", "rules.yaml"},
		{"check config", "prometheus.yaml"},
		{"test rules", "rules_test.yaml"},
		{"test rules", "rules_day_test.yaml"},
	} {
		t.Run(c.command+" "+c.file, func(t *testing.T) {
			runPromtool(t, exec.CommandContext(t.Context(), promtool, append(strings.Fields(c.command), c.file)...))
		})
	}
	t.Run("check metrics", func(t *testing.T) {
		cmd := exec.CommandContext(t.Context(), promtool, "check", "metrics")
		cmd.Stdin = strings.NewReader(goldenMetrics(t))
		runPromtool(t, cmd)
	})
}

func runPromtool(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.Dir = filepath.Dir(rulesFile)
	if printed, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %v\n%s", cmd.Args[1:], err, printed)
	}
}

// promRule is one rule as Prometheus reads it.
type promRule struct {
	Record, Alert, Expr, For string
	Labels, Annotations      map[string]string
}

func readRules(t testing.TB) (rules []promRule) {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string
			Rules []promRule
		}
	}
	if err := yaml.UnmarshalWithOptions([]byte(fileText(t, rulesFile)), &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		rules = append(rules, g.Rules...)
	}
	return rules
}

// Every metric, label and value that a rule names is one that a daemon exports, or
// another rule records: Prometheus is silent about those that are misspelt.
func TestRulesNameWhatIsExported(t *testing.T) {
	rules := readRules(t)
	known := newVocabulary(goldenMetrics(t), rules)
	for _, r := range rules {
		for _, problem := range known.misspelt(r.Expr) {
			t.Errorf("%s%s: %s", r.Record, r.Alert, problem)
		}
	}
	for _, wrong := range []string{
		`ptbrelay_receives_total > 0`,
		`ptbrelay:laws:difference > 0`,
		`ptbrelay_received_total{form="wire"}`,
		`ptbrelay_received_total{from="wired"}`,
		`ptbrelay_outcomes_total{outcome=~"relayed|limited"}`,
		`ptbrelay_outcomes_total{outcome!="duplicates"}`,
		`sum without (verdicts) (ptbrelay_verdicts_total)`,
	} {
		if known.misspelt(wrong) == nil {
			t.Errorf("%s: nothing is wrong with it", wrong)
		}
	}
}

// vocabulary is what expressions may name.
type vocabulary struct {
	names  map[string]bool
	labels map[string]bool
	values map[string]bool // name, label and value
}

var labelPair = regexp.MustCompile(`(\w+)="([^"]*)"`)

// newVocabulary reads it from an exposition and the rules that record.
func newVocabulary(exposition string, rules []promRule) vocabulary {
	v := vocabulary{make(map[string]bool), make(map[string]bool), make(map[string]bool)}
	for line := range strings.Lines(exposition) {
		name := regexp.MustCompile(`^\w+`).FindString(line)
		v.names[name] = true
		for _, p := range labelPair.FindAllStringSubmatch(line, -1) {
			v.add(name, p[1], p[2])
		}
	}
	for _, r := range rules {
		v.names[r.Record] = true
	}
	// What Prometheus adds itself.
	v.names["up"] = true
	v.add("up", "job", "ptbrelay")
	v.labels["instance"] = true
	// What ptbrelay_peers has, and its sum keeps.
	for _, state := range []string{"up", "down"} {
		v.add("ptbrelay:peers:sum", "state", state)
	}
	return v
}

func (v *vocabulary) add(name, label, value string) {
	v.labels[label] = true
	v.values[fmt.Sprintf("%s{%s=%q}", name, label, value)] = true
}

var (
	selector = regexp.MustCompile(`\b(up|(?:ptbrelay|process|go)[_:][\w:]*)(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`(\w+)(?:=~|!~|!=|=)"([^"]*)"`)
	labelled = regexp.MustCompile(`\b(?:without|by|ignoring|on) \(([^)]*)\)`)
)

// misspelt says what an expression names that is not there.
func (v *vocabulary) misspelt(expr string) (problems []string) {
	for _, s := range selector.FindAllStringSubmatch(expr, -1) {
		if !v.names[s[1]] {
			problems = append(problems, "nobody exports "+s[1])
		}
		for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
			for value := range strings.SplitSeq(m[2], "|") {
				if one := fmt.Sprintf("%s{%s=%q}", s[1], m[1], value); !v.values[one] {
					problems = append(problems, "nobody exports "+one)
				}
			}
		}
	}
	for _, l := range labelled.FindAllStringSubmatch(expr, -1) {
		for label := range strings.SplitSeq(l[1], ", ") {
			if !v.labels[label] {
				problems = append(problems, "nothing has a label "+label)
			}
		}
	}
	return problems
}

// Each alert says how bad it is, what is lost and what to do first, and where to
// read on.
func TestAlertsSayWhatToDo(t *testing.T) {
	const page = "https://github.com/ptbrelay/ptbrelay/blob/main/integration/docs/operating.md#"
	for _, r := range readRules(t) {
		if r.Alert == "" {
			continue
		}
		switch r.Labels["severity"] {
		case "critical", "warning", "info":
		default:
			t.Errorf("%s: severity %q", r.Alert, r.Labels["severity"])
		}
		if r.Annotations["summary"] == "" || strings.Count(r.Annotations["description"], ".") < 2 {
			t.Errorf("%s: says %q", r.Alert, r.Annotations)
		}
		if want := page + strings.ToLower(r.Alert); r.Annotations["runbook_url"] != want {
			t.Errorf("%s: read on at %q, want %q", r.Alert, r.Annotations["runbook_url"], want)
		}
	}
}
