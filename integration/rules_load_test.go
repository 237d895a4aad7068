package integration

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ptbrelay/cmd/ptbrelay/app"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// rulesTools are what operators load rules with: nft, and iptables in its two kinds.
var rulesTools = []string{"nft", "iptables-nft", "iptables-legacy"}

// printedRules is what ptbrelay prints for a configuration.
func printedRules(t testing.TB, config string, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := app.Run(t.Context(), append([]string{"-c", config, "rules"}, args...), nil, &out, &errs); code != 0 {
		t.Fatalf("rules %v: exit code %d: %s", args, code, &errs)
	}
	return out.String()
}

// loader loads rules by one tool as their comments say.
type loader struct {
	*admin
	tool   string
	config string
}

// newLoader makes one; it skips the test where the kernel has no such tables. With
// iptables, its kind is the one that answers to the names without a kind.
func newLoader(t *testing.T, tool, config string) *loader {
	t.Helper()
	x := &loader{admin: newAdmin(t), tool: tool, config: config}
	if tool == "nft" {
		requireProgram(t, tool)
		return x
	}
	for _, program := range []string{tool, "ip6" + strings.TrimPrefix(tool, "ip")} {
		base, _, _ := strings.Cut(program, "-")
		for _, suffix := range []string{"", "-restore", "-save"} {
			if err := os.Symlink(requireProgram(t, program+suffix), filepath.Join(x.dir, base+suffix)); err != nil {
				t.Fatal(err)
			}
		}
		if code, why := x.on(labtest.Node(t, "trial"), base+" -t raw -S", ""); code != 0 {
			t.Skipf("%s does not work on this kernel: %s", program, why)
		}
	}
	return x
}

// saved are all rules that the tool knows on a host, without the times of its reading.
func (x *loader) saved(n *lab.Node) string {
	x.t.Helper()
	line := "iptables-save 2>/dev/null; ip6tables-save 2>/dev/null"
	if x.tool == "nft" {
		line = "nft list ruleset"
	}
	return regexp.MustCompile(`(?m)^# .*\n`).ReplaceAllString(x.do(n, line, ""), "")
}

// do does a line of shell on a host.
func (x *loader) do(n *lab.Node, line, input string) string {
	x.t.Helper()
	code, printed := x.on(n, line, input)
	if code != 0 {
		x.t.Fatalf("%s: %s: exit code %d: %s", x.tool, line, code, printed)
	}
	return printed
}

// mine is a line of shell in which ptbrelay prints rules of the loader's configuration.
func (x *loader) mine(line string) string {
	return strings.Replace(line, "ptbrelay rules", "ptbrelay -c "+x.config+" rules", 1)
}

// texts are the rules, of iptables those of either family.
func (x *loader) texts() []string {
	x.t.Helper()
	if x.tool == "nft" {
		return []string{printedRules(x.t, x.config, "nft")}
	}
	return []string{printedRules(x.t, x.config, "iptables"), printedRules(x.t, x.config, "iptables", "--family", "6")}
}

// load loads the rules, the first time or again.
func (x *loader) load(n *lab.Node) { x.t.Helper(); x.follow(n, true) }

// unload takes them out.
func (x *loader) unload(n *lab.Node) { x.t.Helper(); x.follow(n, false) }

// shownCommand matches a command in the comments at the top of the rules.
var shownCommand = regexp.MustCompile(`(?m)^#   (.+)$`)

// follow does the commands in the comments at the top of the rules: those that load,
// or those that take out.
func (x *loader) follow(n *lab.Node, load bool) {
	x.t.Helper()
	for _, text := range x.texts() {
		loading, taking, ok := strings.Cut(text, "# Take ")
		if !ok {
			x.t.Fatalf("nothing says how to take it out:\n%s", text)
		}
		part := taking
		if load {
			part = loading
		}
		commands := shownCommand.FindAllStringSubmatch(part, -1)
		if len(commands) == 0 {
			x.t.Fatalf("no commands in\n%s", part)
		}
		for _, m := range commands {
			x.do(n, x.mine(m[1]), "")
		}
	}
}

// Rules that an operator has loaded before.
const (
	othersNFT = `table inet edge {
	chain tunnels {
		type filter hook prerouting priority raw; policy accept;
		udp dport 4789 notrack
	}
}
`
	othersIPTables = `*raw
:tunnels - [0:0]
-A PREROUTING -j tunnels
-A PREROUTING -p tcp -m tcp --dport 22 -j RETURN
-A tunnels -p udp -m udp --dport 4789 -j CT --notrack
COMMIT
*filter
-A INPUT -p tcp -m tcp --dport 23 -j DROP
COMMIT
`
)

// loadOthers loads them.
func (x *loader) loadOthers(n *lab.Node) {
	x.t.Helper()
	if x.tool == "nft" {
		x.do(n, "nft -f -", othersNFT)
		return
	}
	x.do(n, "iptables-restore", othersIPTables)
	x.do(n, "ip6tables-restore", othersIPTables)
}

// Loaded as they say, once and again, the rules stand beside those of others, before
// them and once; taken out as they say, they leave nothing.
func TestRulesBesideOthers(t *testing.T) {
	for _, tool := range rulesTools {
		t.Run(tool, func(t *testing.T) {
			x := newLoader(t, tool, writeConfig(t, "vips: [192.0.2.0/24]\naudit: {mss: true}\n"))
			n := labtest.Node(t, "host")
			x.loadOthers(n)
			before := x.saved(n)
			x.load(n)
			once := x.saved(n)
			x.load(n)
			if again := x.saved(n); again != once || once == before {
				t.Errorf("loaded once:\n%s\nand again:\n%s", once, again)
			}
			if withoutOurs(once) != before {
				t.Errorf("before:\n%s\nand after loading:\n%s", before, once)
			}
			if tool != "nft" && strings.Count(once, "\n-A PREROUTING -j ptbrelay\n-A PREROUTING -j tunnels\n") != 2 {
				t.Errorf("not before others' rules in both families:\n%s", once)
			}
			x.unload(n)
			if after := x.saved(n); after != before {
				t.Errorf("before:\n%s\nand when all is taken out:\n%s", before, after)
			}
		})
	}
}

// withoutOurs is a listing without what is ours.
func withoutOurs(saved string) string {
	saved = regexp.MustCompile(`(?ms)^table inet ptbrelay \{.*?^\}\n`).ReplaceAllString(saved, "")
	lines := slices.DeleteFunc(strings.SplitAfter(saved, "\n"), func(l string) bool { return strings.Contains(l, "ptbrelay") })
	return strings.Join(lines, "")
}
