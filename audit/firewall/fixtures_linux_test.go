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
// bear on packets to the host, and what becomes of PTBs of IPv4 and IPv6.
var fixtures = map[string]fates{"calico": {}, "cilium": {}, "debian": {}, "firewalld": {}, "forgetful": {}, "iptables-persistent": {}, "kube-proxy-iptables": {}, "kube-proxy-nft": {}, "menagerie": {}, "notrack": {}, "ufw": {}}

func fatesOf(r Ruleset) (all fates) {
	for v, ipv6 := range []bool{false, true} {
		for s, state := range []State{Related, Invalid, Untracked} {
			all[v][s] = describe(r.Fate(PTB{IPv6: ipv6, State: state}))
		}
	}
	return all
}

func describe(o Outcome) string {
	text := [...]string{Passes: "passes", MayDrop: "may drop", Drops: "drops"}[o.Fate]
	if o.Rule != "" {
		text += ": " + o.Rule + ": " + o.Text
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

// The same by the real tools and this kernel, where they are installed.
func TestFixturesOfRealTools(t *testing.T) {
	for name, want := range fixtures {
		t.Run(name, func(t *testing.T) {
			n := labtest.Node(t, name)
			loadFixture(t, n, name)
			var r Ruleset
			on(t, n, func() (err error) {
				if *update {
					if err := record(filepath.Join("testdata", name, "kernel.hex")); err != nil {
						return err
					}
				}
				r, err = Read()
				return err
			})
			if diff := cmp.Diff(want, fatesOf(r)); diff != "" {
				t.Errorf("fates, wanted -, got +:\n%s", diff)
			}
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
			t.Skipf("%s is not installed", l.command[0])
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
