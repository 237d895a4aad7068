package audit

import (
	"slices"

	"ptbrelay/classify"
)

// EnoughSamples is how many samples a recommendation needs. The standard error of
// a share is at most 1/(2·√samples): here one per cent, so that in 19 cases of 20
// the share of all connections is within two. Connections of one client are alike,
// which makes it larger, never smaller.
const EnoughSamples = 2500

// Lines of an edge, MTUs in bytes.
const (
	smallestLine = 1280 // RFC 8200 §5: every IPv6 link carries it
	largestLine  = 1500
	betweenLines = 20
)

// headers are what IP and TCP headers without options add to an MSS, in bytes (RFC
// 9293 §3.7.1).
func headers(f classify.Family) uint32 {
	if f == classify.IPv6 {
		return 60
	}
	return 40
}

// edge says what each MTU would spare. Without samples it has no lines.
func (t tally) edge(f classify.Family, side Side, overhead uint32) Edge {
	e := Edge{
		Family: f.String(), Side: side, Samples: t.samples, Enough: t.samples >= EnoughSamples,
		Lines: []EdgeLine{},
	}
	if t.samples == 0 {
		return e
	}
	var spared uint64
	rest := t.values
	for _, mtu := range t.lines(overhead) {
		for len(rest) > 0 && rest[0].bytes+overhead >= mtu {
			spared += rest[0].count
			rest = rest[1:]
		}
		e.Lines = append(e.Lines, EdgeLine{MTU: mtu, Spared: share(spared, t.samples)})
	}
	return e
}

// lines are the MTUs that an edge has a line for, the largest first.
func (t tally) lines(overhead uint32) []uint32 {
	var mtus []uint32
	for mtu := uint32(smallestLine); mtu <= largestLine; mtu += betweenLines {
		mtus = append(mtus, mtu)
	}
	for _, v := range t.most() {
		if mtu := v.bytes + overhead; mtu > smallestLine && mtu < largestLine {
			mtus = append(mtus, mtu)
		}
	}
	slices.Sort(mtus)
	mtus = slices.Compact(mtus)
	slices.Reverse(mtus)
	return mtus
}
