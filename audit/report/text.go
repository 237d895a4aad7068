package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"ptbrelay/audit"
)

// Text prints a report for people to read.
func Text(to io.Writer, r *audit.Report) error {
	w := &writer{to: to}
	w.head(r)
	w.messages(r.Messages)
	for _, v := range r.NextHopMTU {
		w.mtus("Next-hop MTU in PTBs", v)
	}
	for _, v := range r.MSS {
		w.mss(v)
	}
	w.edge(r.Edge)
	w.networks("Where PTBs come from: networks of routers", r.Networks.PTBs)
	w.networks("Where SYNs come from: networks of clients", r.Networks.SYNs)
	if r.Host != nil {
		w.host(r.Host)
	}
	return w.err
}

var sources = map[audit.Source]string{
	audit.Live:   "this host, live",
	audit.File:   "a file",
	audit.Daemon: "the daemon on this host",
}

func (w *writer) head(r *audit.Report) {
	w.printf("ptbrelay audit of %s: %s\n", sources[r.Source], when(r))
	if r.Ended != "" {
		w.printf("Not all of it: %s\n", r.Ended)
	}
}

// when is the time that a report is of; a file without packets has none.
func when(r *audit.Report) string {
	if r.Begun.IsZero() {
		return "no packet"
	}
	return fmt.Sprintf("%s from %s on", seconds(r.Seconds), clock(r.Begun))
}

// seconds is a time as people say it.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", s)
	}
	return d.Round(time.Second).String()
}

func (w *writer) messages(m audit.Messages) {
	w.heading("Received")
	w.table(0, func(row func(string, ...any)) {
		if len(m.Verdicts) == 0 {
			row("  PTBs\tnone")
		}
		for _, f := range slices.Sorted(maps.Keys(m.Verdicts)) {
			row("  %s PTBs\t%s", family(f), verdicts(m.Verdicts[f]))
		}
		switch {
		case len(m.SYNs) == 0:
			row("  SYNs\tnot observed: audit.mss is false")
		case !anySYN(m):
			row("  SYNs\tnone")
		default:
			for _, f := range slices.Sorted(maps.Keys(m.SYNs)) {
				row("  %s SYNs\t%d", family(f), m.SYNs[f])
			}
		}
		if m.Lost > 0 {
			row("  lost\t%d more, for they came too fast", m.Lost)
		}
	})
}

func anySYN(m audit.Messages) bool {
	for _, n := range m.SYNs {
		if n > 0 {
			return true
		}
	}
	return false
}

// verdicts are counts by verdict, the largest first.
func verdicts(counts map[string]uint64) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	said := make([]string, len(names))
	for i, n := range names {
		said[i] = fmt.Sprintf("%d %s", counts[n], n)
	}
	return strings.Join(said, ", ")
}

// mtus draws a distribution of MTUs.
func (w *writer) mtus(what string, v audit.Values) {
	if v.Samples == 0 {
		return
	}
	w.heading("%s, %s: %d", what, family(v.Family), v.Samples)
	w.table(right, func(row func(string, ...any)) {
		row("MTU\t%s\tshare\tfrom the top\t", strings.Repeat(" ", barWidth))
		for _, c := range v.Counts {
			row("%d\t%s\t%s\t%s\t", c.Bytes, bar(c.Share), percent(c.Share), percent(c.Cumulative))
		}
	})
	w.others(v)
}

// mss draws a distribution of MSS, with the MTU that each supposes.
func (w *writer) mss(v audit.Values) {
	if v.Samples == 0 {
		return
	}
	w.heading("MSS in clients' SYNs, %s: %d", family(v.Family), v.Samples)
	w.table(right, func(row func(string, ...any)) {
		row("MSS\tMTU\t%s\tshare\tfrom the top\t", strings.Repeat(" ", barWidth))
		for _, c := range v.Counts {
			row("%d\t%d\t%s\t%s\t%s\t", c.Bytes, c.MTU, bar(c.Share), percent(c.Share), percent(c.Cumulative))
		}
	})
	w.others(v)
	if v.Absent > 0 {
		w.printf("  %s without an MSS\n", plural(v.Absent, "SYN"))
	}
	if v.Cut > 0 {
		w.printf("  %s captured too short to tell\n", plural(v.Cut, "SYN"))
	}
}

func (w *writer) others(v audit.Values) {
	if v.Other > 0 {
		w.printf("  and %d of %s not shown\n", v.Other, plural(uint64(v.OtherValues), "value"))
	}
}
