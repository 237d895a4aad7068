package integration

import (
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/audit"
	"ptbrelay/classify"
)

func checkMessages(t *testing.T, r *audit.Report, all traffic) {
	t.Helper()
	want := audit.Messages{
		Packets: sumOf(all.ptbs) + sumOf(all.syns) + sumOf(all.others), Verdicts: make(map[string]map[string]uint64),
		SYNs: counted(all.syns, func(k kind) (string, bool) { return k.family.String(), true }),
	}
	if want.Packets < 100_000 {
		t.Errorf("%d packets, want more to be sure", want.Packets)
	}
	for _, f := range []classify.Family{classify.IPv4, classify.IPv6} {
		want.Verdicts[f.String()] = counted(all.ptbs, func(k kind) (string, bool) { return k.verdict, k.family == f })
	}
	if diff := cmp.Diff(want, r.Messages); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// checkDistributions compares every count, and shares with what they are shares of.
func checkDistributions(t *testing.T, r *audit.Report, all traffic) {
	t.Helper()
	for i, f := range []classify.Family{classify.IPv4, classify.IPv6} {
		for what, d := range map[string]struct {
			got    audit.Values
			kinds  []kind
			shares []share
		}{"next-hop MTU": {r.NextHopMTU[i], all.ptbs, reported[f]}, "MSS": {r.MSS[i], all.syns, offered[f]}} {
			if diff := cmp.Diff(byValue(d.kinds, f), valueCounts(d.got)); diff != "" || d.got.Family != f.String() {
				t.Errorf("%s, %s: -want +got:\n%s", what, d.got.Family, diff)
			}
			for _, c := range d.got.Counts {
				same := slices.IndexFunc(d.shares, func(s share) bool { return s.value == c.Bytes })
				if same < 0 || !nearly(c.Share, float64(d.shares[same].thousand)/1000) {
					t.Errorf("%s, %v: %d has a share of %v", what, f, c.Bytes, c.Share)
				}
			}
		}
	}
}

// nearly is to a tenth of a per cent.
func nearly(got, want float64) bool { return math.Abs(got-want) <= 0.0005 }

// checkPublished compares the answer to which MTU an edge should use.
func checkPublished(t *testing.T, r *audit.Report) {
	t.Helper()
	for _, p := range published {
		if got := sparedBy(r, p.family, audit.ClientMSS, p.mtu); !nearly(got, p.share) {
			t.Errorf("%v: with an MTU of %d a share of %v never needs discovery, want %v", p.family, p.mtu, got, p.share)
		}
	}
	for _, e := range r.Edge {
		if !e.Enough || e.Samples < somePTBs {
			t.Errorf("%s, %s: %d samples, enough %v", e.Family, e.Side, e.Samples, e.Enough)
		}
	}
}

// sparedBy is a line of an edge, NaN where there is none.
func sparedBy(r *audit.Report, f classify.Family, side audit.Side, mtu uint32) float64 {
	for _, e := range r.Edge {
		for _, l := range e.Lines {
			if e.Family == f.String() && e.Side == side && l.MTU == mtu {
				return l.Spared
			}
		}
	}
	return math.NaN()
}

// checkNetworks compares where messages come from: few enough networks for exact
// counts.
func checkNetworks(t *testing.T, what string, got audit.NetworkSide, kinds []kind) {
	t.Helper()
	whole := sumOf(kinds)
	compare := func(of string, want, counts map[string]uint64) {
		t.Helper()
		if diff := cmp.Diff(want, counts); diff != "" {
			t.Errorf("%s, %s: -want +got:\n%s", what, of, diff)
		}
	}
	prefixOf := func(k kind) (string, bool) { return k.prefix.String(), true }
	compare("prefixes", counted(kinds, prefixOf), networkCounts(t, got.Prefixes, whole))
	compare("systems", counted(kinds, systemOf), networkCounts(t, got.Systems, whole))
	compare("next hops", counted(kinds, func(k kind) (string, bool) {
		return net.HardwareAddr(neighbour(k.by)).String(), true
	}), inboundCounts(t, got.NextHops, whole))
	several, severalGot := make(map[string]uint64), make(map[string]uint64)
	for _, of := range sources {
		for _, s := range of {
			if len(s.by) > 1 {
				several[s.prefix] = counted(kinds, prefixOf)[s.prefix]
			}
		}
	}
	for _, s := range got.Several {
		severalGot[s.Prefix] = s.Count
		if len(s.MACs) != 2 || s.MACs[0] == s.MACs[1] {
			t.Errorf("%s from %s came by %v", what, s.Prefix, s.MACs)
		}
	}
	compare("networks by several next hops", several, severalGot)
	if got.Samples != whole || got.Missed != 0 {
		t.Errorf("%s: %d looked at, %d missed, of %d", what, got.Samples, got.Missed, whole)
	}
}

// systemOf is the system of a packet's source, as the report calls it.
func systemOf(k kind) (name string, ok bool) {
	record, ok := systems[k.prefix.String()]
	if !ok {
		return "", false
	}
	name = fmt.Sprintf("AS%d", record["autonomous_system_number"])
	if organisation, named := record["autonomous_system_organization"]; named {
		name += fmt.Sprintf(" %s", organisation)
	}
	return name, true
}

// networkCounts are those of a list, which must be sorted and have the right shares.
func networkCounts(t *testing.T, list []audit.Network, whole uint64) map[string]uint64 {
	t.Helper()
	counts := make(map[string]uint64)
	for i, n := range list {
		counts[n.Name] += n.Count
		if n.Error != 0 || !nearly(n.Share, float64(n.Count)/float64(whole)) || i > 0 && list[i-1].Count < n.Count {
			t.Errorf("%d of %d, after %v: %+v", i, len(list), list[:i], n)
		}
	}
	return counts
}

func inboundCounts(t *testing.T, list []audit.Inbound, whole uint64) map[string]uint64 {
	t.Helper()
	counts := make(map[string]uint64)
	for _, n := range list {
		counts[n.MAC] += n.Count
		if n.Error != 0 || !nearly(n.Share, float64(n.Count)/float64(whole)) {
			t.Errorf("%+v of %d", n, whole)
		}
	}
	return counts
}

// checkReportText fails the test unless the text has the same numbers: of each value its
// share, of each MTU what it spares both families, with one decimal.
func checkReportText(t *testing.T, text string, r *audit.Report) {
	t.Helper()
	rows := make(map[string]bool) // cells, without bars
	for line := range strings.Lines(text) {
		cells := slices.DeleteFunc(strings.Fields(line), func(cell string) bool { return strings.ContainsAny(cell, "▏▎▍▌▋▊▉█") })
		rows[strings.Join(cells, " ")] = true
	}
	percent := func(share float64) string { return strconv.FormatFloat(100*share, 'f', 1, 64) + " %" }
	for _, v := range r.NextHopMTU {
		for _, c := range v.Counts {
			if row := fmt.Sprintf("%d %s %s", c.Bytes, percent(c.Share), percent(c.Cumulative)); !rows[row] {
				t.Errorf("no line %q", row)
			}
		}
	}
	for _, v := range r.MSS {
		for _, c := range v.Counts {
			if row := fmt.Sprintf("%d %d %s %s", c.Bytes, c.MTU, percent(c.Share), percent(c.Cumulative)); !rows[row] {
				t.Errorf("no line %q", row)
			}
		}
	}
	// Of 1420 and 1400 both families have a line.
	for _, row := range []string{"1420 89.8 % 90.2 %", "1400 94.0 % 93.2 %"} {
		if !rows[row] {
			t.Errorf("no line %q", row)
		}
	}
	for _, words := range []string{"198.51.100.0/24", "AS64498 Another Example", "02:00:5e:00:02:03", "02:00:5e:00:02:01, 02:00:5e:00:02:02"} {
		if !strings.Contains(text, words) && !strings.Contains(text, swapped(words)) {
			t.Errorf("no %q", words)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

// swapped has the two parts of a list in the other order.
func swapped(list string) string {
	first, second, _ := strings.Cut(list, ", ")
	return second + ", " + first
}
