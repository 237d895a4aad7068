package rules

import (
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/nftables"

	"ptbrelay/integration/labtest"
)

// place is where a test's table is: a [lab.Node], or here.
type place interface{ Do(func() error) error }

// here is the network namespace of the test binary, for what starts goroutines
// that open sockets.
type here struct{}

func (here) Do(f func() error) error { return f() }

// on runs f in a place.
func on(t *testing.T, n place, f func() error) {
	t.Helper()
	if err := n.Do(f); err != nil {
		t.Fatal(err)
	}
}

var quiet = slog.New(slog.DiscardHandler)

func install(t *testing.T, n place, c Config) (table *Table) {
	t.Helper()
	on(t, n, func() (err error) {
		table, err = Install(c, quiet)
		return err
	})
	t.Cleanup(func() {
		if err := table.Close(); err != nil {
			t.Error(err)
		}
	})
	return table
}

// ruleset is [rulesOf] the table of the usual name.
func ruleset(t testing.TB, n place) map[string]int {
	t.Helper()
	return rulesOf(t, n, Name)
}

// rulesOf is how many rules each chain of a table has, by chain; nil where there
// is no table.
func rulesOf(t testing.TB, n place, name string) (rules map[string]int) {
	t.Helper()
	err := n.Do(func() error {
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		chains, err := conn.ListChainsOfTableFamily(nftables.TableFamilyINet)
		if err != nil {
			return err
		}
		for _, c := range chains {
			if c.Table.Name != name {
				continue
			}
			found, err := conn.GetRules(c.Table, c)
			if err != nil {
				return err
			}
			if rules == nil {
				rules = make(map[string]int)
			}
			rules[c.Name] = len(found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// tool runs a program on a host.
func tool(t *testing.T, n place, input, name string, args ...string) (output string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		labtest.Unable(t, err)
	}
	on(t, n, func() error {
		cmd := exec.Command(path, args...)
		cmd.Stdin = strings.NewReader(input)
		b, err := cmd.CombinedOutput()
		output = string(b)
		if err != nil {
			return fmt.Errorf("%s %v: %w: %s", name, args, err, b)
		}
		return nil
	})
	return output
}
