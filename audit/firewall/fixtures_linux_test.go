package firewall

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

var update = flag.Bool("update", false, "record what this machine's kernel makes of the fixtures' rules")

// fates are what becomes of a PTB in each state, related, invalid, untracked, and
// the rule that decides, where one does.
type fates [2][3]string

// fixtures are the packet filters of common systems, in testdata, as far as they
// bear on packets to the host, and what becomes of PTBs of IPv4 and IPv6. The
// menagerie has of everything, most of it not meant for PTBs.
var fixtures = map[string]fates{
	"debian": {{"passes", "passes", "passes"}, {"passes", "passes", "passes"}},
	"ufw": {
		{"passes", "drops: ip filter ufw-before-input, rule 4: ct state invalid drop", "passes"},
		{"passes", "drops: ip6 filter ufw6-before-input, rule 6: ct state invalid drop", "passes"},
	},
	"iptables-persistent": {
		{"passes", "drops: ip filter INPUT, rule 3: ct state invalid drop", "drops: ip filter INPUT, rule 8: reject"},
		{"passes", "passes", "passes"},
	},
	"firewalld": {
		{"passes", "drops: inet firewalld filter_INPUT, rule 4: ct state invalid drop", "passes"},
		{
			"may drop: inet firewalld filter_PREROUTING, rule 2: meta nfproto ipv6 fib saddr . mark . iif oif missing drop",
			"drops: inet firewalld filter_INPUT, rule 4: ct state invalid drop",
			"may drop: inet firewalld filter_PREROUTING, rule 2: meta nfproto ipv6 fib saddr . mark . iif oif missing drop",
		},
	},
	"kube-proxy-iptables": {{"passes", "passes", "passes"}, {"passes", "passes", "passes"}},
	"kube-proxy-nft":      {{"passes", "passes", "passes"}, {"passes", "passes", "passes"}},
	"cilium":              {{"passes", "passes", "passes"}, {"passes", "passes", "passes"}},
	// From a pod's interface it may be dropped.
	"calico": {
		{
			"may drop: ip raw cali-rpf-skip, rule 1: drop",
			"may drop: ip raw cali-rpf-skip, rule 1: drop",
			"may drop: ip raw cali-rpf-skip, rule 1: drop",
		},
		{"passes", "passes", "passes"},
	},
	// It lets ICMP through and forgot the types of PTBs.
	"forgetful": {
		{
			"drops: inet filter input, policy: policy drop",
			"drops: inet filter input, rule 2: ct state vmap { invalid : drop, established : accept }",
			"drops: inet filter input, policy: policy drop",
		},
		{
			"drops: inet filter input, policy: policy drop",
			"drops: inet filter input, rule 2: ct state vmap { invalid : drop, established : accept }",
			"drops: inet filter input, policy: policy drop",
		},
	},
	"notrack": {
		{"passes", "passes", "passes"},
		{
			"drops: inet filter refuse, rule 1: log reject",
			"drops: inet filter refuse, rule 1: log reject",
			"drops: inet filter refuse, rule 1: log reject",
		},
	},
	// Both versions have rules that mark packets, which drop none.
	"marks": {{"passes", "passes", "passes"}, {"passes", "passes", "passes"}},
	"menagerie": {
		{"passes", "passes", "drops: ip filter INPUT, rule 5: ct state new,untracked drop"},
		{"passes", "passes", "drops: ip6 filter INPUT, policy: policy drop"},
	},
}

func fatesOf(r Ruleset) (all fates) {
	for v, ipv6 := range []bool{false, true} {
		for s, state := range []State{Related, Invalid, Untracked} {
			all[v][s] = describe(r.Fate(PTB{IPv6: ipv6, State: state}))
		}
	}
	return all
}

var handle = regexp.MustCompile(` \(handle \d+\)$`)

func describe(o Outcome) string {
	text := [...]string{Passes: "passes", MayDrop: "may drop", Drops: "drops"}[o.Fate]
	if o.Rule != "" {
		// Kernels number things differently.
		text += ": " + handle.ReplaceAllString(o.Rule, "") + ": " + o.Text
	}
	return text
}

// What the kernel said when the real tools had loaded the rules, read again.
func TestFixtures(t *testing.T) {
	for name, p := range tapes(t) {
		t.Run(name, func(t *testing.T) {
			r, err := read(p)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(fixtures[name], fatesOf(r)); diff != "" {
				t.Errorf("fates, wanted -, got +:\n%s", diff)
			}
		})
	}
	if len(tapes(t)) != len(fixtures) {
		t.Errorf("%d tapes, %d fixtures", len(tapes(t)), len(fixtures))
	}
}

// What may drop what comes from a pod's interface lets pass what comes by another.
func TestKnownInterface(t *testing.T) {
	r, err := read(tapes(t)["calico"])
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Fate{"eth0": Passes, "cali0123456789a": MayDrop, "": MayDrop} {
		if o := r.Fate(PTB{Interface: name}); o.Fate != want {
			t.Errorf("by %q: %s, want fate %d", name, describe(o), want)
		}
	}
}

// The same by the real tools and this kernel, where they are installed, and by what
// becomes of real PTBs.
func TestFixturesGround(t *testing.T) {
	for name, want := range fixtures {
		t.Run(name, func(t *testing.T) {
			g := newGround(t)
			loadFixture(t, g.node, name)
			if *update {
				g.unjudge()
				g.do(func() error { return record(filepath.Join("testdata", name, "kernel.hex")) })
				g.judge()
			}
			if diff := cmp.Diff(want, fatesOf(g.read())); diff != "" {
				t.Errorf("fates, wanted -, got +:\n%s", diff)
			}
			g.check(t)
		})
	}
}

// loaders are the real tools by the file that they read from standard input.
var loaders = []struct {
	file    string
	command []string
}{
	{"rules.nft", []string{"nft", "-f", "-"}},
	{"rules.v4", []string{"iptables-nft-restore"}},
	{"rules.v6", []string{"ip6tables-nft-restore"}},
}

// loadFixture has the real tools load a fixture; the test is skipped where one is
// not installed.
func loadFixture(t *testing.T, n *lab.Node, fixture string) {
	t.Helper()
	for _, l := range loaders {
		rules, err := os.ReadFile(filepath.Join("testdata", fixture, l.file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		path, err := exec.LookPath(l.command[0])
		if err != nil {
			labtest.Unable(t, err)
		}
		on(t, n, func() error {
			c := exec.Command(path, l.command[1:]...)
			c.Stdin = bytes.NewReader(rules)
			if out, err := c.CombinedOutput(); err != nil {
				return fmt.Errorf("%v: %w: %s", l.command, err, out)
			}
			return nil
		})
	}
}

func on(t testing.TB, n *lab.Node, f func() error) {
	t.Helper()
	if err := n.Do(f); err != nil {
		t.Fatal(err)
	}
}
