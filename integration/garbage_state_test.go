package integration

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/nftables"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// state is what of a daemon and its host must not change while it works.
type state struct {
	Files  []string // open in the daemon: what each leads to
	Links  []string
	Tables []string
	Rules  int
	Group  string // as the kernel shows it
}

// What a daemon may take more of than before: bytes of the heap; resident bytes,
// for what scrapes leave behind between two collections and the stacks that grew,
// but no table, since those are resident from the start; threads, which Go makes
// for system calls that take long and keeps; and goroutines, for the scrape that
// counts them has some of its own.
const (
	heapGrowth      = 2 << 20
	residentGrowth  = 8 << 20
	threadGrowth    = 4
	goroutineGrowth = 4
	raceShadow      = 5 // times the memory, under the race detector
)

// measured is a state with what may grow.
type measured struct {
	state
	threads, goroutines, heap, resident float64
}

// afterCollection scrapes, which makes work for Go's collector, until it has
// collected: so the heap that it found in use is known, and the resident memory
// has room for what it found not to be.
func afterCollection(t *testing.T, n *lab.Node) (m map[string]float64) {
	t.Helper()
	const collections = "go_gc_duration_seconds_count"
	before := metricsOf(t, n)[collections]
	labtest.Eventually(t, 20*time.Second, "Go collects", func() error {
		if m = metricsOf(t, n); m[collections] == before {
			return errNotYet
		}
		return nil
	})
	return m
}

// measure reads all at one moment, the files last: the connection of the scrape
// is closed by then.
func measure(t *testing.T, n *lab.Node, p *lab.Process) state {
	t.Helper()
	return state{
		Links:  links(t, n),
		Tables: tables(t, n),
		Rules:  ruleCount(t, n),
		Group:  groups(t, n),
		Files:  openFiles(t, p),
	}
}

// stateOf is the state at rest: several readings that are alike.
func stateOf(t *testing.T, n *lab.Node, p *lab.Process) measured {
	t.Helper()
	m := afterCollection(t, n)
	now := measured{
		threads:    m["go_threads"],
		goroutines: m["go_goroutines"],
		heap:       m["go_memstats_next_gc_bytes"], // follows from what is in use
		resident:   m["process_resident_memory_bytes"],
	}
	alike := 0
	labtest.Eventually(t, 10*time.Second, "the daemon is at rest", func() error {
		last := now.state
		now.goroutines = min(now.goroutines, metricsOf(t, n)["go_goroutines"])
		now.state = measure(t, n, p)
		if err := differs(last, now.state); err != nil {
			alike = 0
			return err
		}
		if alike++; alike < 5 {
			return errNotYet
		}
		return nil
	})
	return now
}

func differs(before, after state) error {
	if diff := cmp.Diff(before, after); diff != "" {
		return fmt.Errorf("-before +after:\n%s", diff)
	}
	return nil
}

// checkState fails unless the daemon is as it was before.
func checkState(t *testing.T, n *lab.Node, p *lab.Process, before measured) {
	t.Helper()
	after := stateOf(t, n, p)
	if err := differs(before.state, after.state); err != nil {
		t.Error(err)
	}
	resident := float64(residentGrowth)
	if labtest.RaceEnabled {
		resident *= raceShadow
	}
	for _, m := range []struct {
		what                 string
		before, after, bound float64
	}{
		{"goroutines", before.goroutines, after.goroutines, goroutineGrowth},
		{"threads", before.threads, after.threads, threadGrowth},
		{"bytes of the heap at which Go collects", before.heap, after.heap, heapGrowth},
		{"resident bytes", before.resident, after.resident, resident},
	} {
		t.Logf("%s: %.0f, then %.0f", m.what, m.before, m.after)
		if m.before == 0 || m.after > m.before+m.bound {
			t.Errorf("%s: %.0f, then %.0f; may be %.0f more", m.what, m.before, m.after, m.bound)
		}
	}
}

// openFiles tells sockets by their number, so that one closed and opened anew
// shows; connections of the scrapes come and go.
func openFiles(t *testing.T, p *lab.Process) (files []string) {
	t.Helper()
	folder := fmt.Sprintf("/proc/%d/fd", p.Pid())
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if to, err := os.Readlink(folder + "/" + e.Name()); err == nil { // closed since
			files = append(files, to)
		}
	}
	slices.Sort(files)
	return files
}

func links(t *testing.T, n *lab.Node) (all []string) {
	t.Helper()
	found, err := n.Handle().LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range found {
		a := link.Attrs()
		all = append(all, fmt.Sprintf("%s mtu %d %v %v promiscuity %d", a.Name, a.MTU, a.HardwareAddr, a.Flags, a.Promisc))
	}
	return all
}

// ruleCount is how many rules all of a node's tables hold.
func ruleCount(t *testing.T, n *lab.Node) (count int) {
	t.Helper()
	err := n.Do(func() error {
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		chains, err := conn.ListChains()
		if err != nil {
			return err
		}
		for _, c := range chains {
			rules, err := conn.GetRules(c.Table, c)
			if err != nil {
				return err
			}
			count += len(rules)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return count
}
