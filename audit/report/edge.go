package report

import (
	"slices"
	"strings"

	"ptbrelay/audit"
)

// edge answers which MTU an edge should use, a table a side.
func (w *writer) edge(all []audit.Edge) {
	explained := map[audit.Side][]string{
		audit.ClientMSS: {
			"From the MSS of clients: share of connections that would never need",
			"path MTU discovery, for nothing that we send is larger than they said.",
		},
		audit.PathPTBs: {"From the PTBs of the paths: share of them that would not have been sent."},
	}
	first := true
	for _, side := range []audit.Side{audit.ClientMSS, audit.PathPTBs} {
		var of []audit.Edge
		for _, e := range all {
			if e.Side == side && e.Samples > 0 {
				of = append(of, e)
			}
		}
		if len(of) == 0 {
			continue
		}
		if first {
			w.heading("Which MTU should the edge use?")
			first = false
		}
		w.printf("\n")
		for _, line := range explained[side] {
			w.printf("%s\n", line)
		}
		w.edgeTable(of)
	}
}

// edgeTable has a column a family and a line an MTU.
func (w *writer) edgeTable(of []audit.Edge) {
	var mtus []uint32
	for _, e := range of {
		for _, l := range e.Lines {
			mtus = append(mtus, l.MTU)
		}
	}
	slices.Sort(mtus)
	mtus = slices.Compact(mtus)
	slices.Reverse(mtus)
	w.table(right, func(row func(string, ...any)) {
		head := []string{"MTU"}
		for _, e := range of {
			head = append(head, family(e.Family))
		}
		row("%s\t", strings.Join(head, "\t"))
		for _, mtu := range mtus {
			row("%d\t%s\t", mtu, strings.Join(spared(of, mtu), "\t"))
		}
	})
	for _, e := range of {
		few := ""
		if !e.Enough {
			few = ": too few to rely on"
		}
		w.printf("  %s: %s%s\n", family(e.Family), plural(e.Samples, "sample"), few)
	}
}

// spared is what an MTU spares each family. One that is no line of a family's is
// between two, and no sample is there: it spares as many as the larger one.
func spared(of []audit.Edge, mtu uint32) []string {
	cells := make([]string, len(of))
	for i, e := range of {
		cells[i] = "-"
		for _, l := range e.Lines { // the largest first
			if l.MTU >= mtu {
				cells[i] = percent(l.Spared)
			}
		}
	}
	return cells
}
