package audit

import (
	"cmp"
	"slices"

	"ptbrelay/classify"
)

// MaxValues is how many values a report names of one distribution.
const MaxValues = 50

// tally is a distribution at one moment.
type tally struct {
	values  []valueCount // the largest value first
	samples uint64
}

type valueCount struct {
	bytes uint32
	count uint64
}

// add adds a value that is smaller than all before.
func (t *tally) add(bytes uint32, count uint64) {
	t.values = append(t.values, valueCount{bytes, count})
	t.samples += count
}

// counts names the values that came most often, the largest first, with the MTU
// that is so many bytes larger. The shares are of all values, named or not.
func (t tally) counts(overhead uint32) []Count {
	all := make([]Count, 0, len(t.values))
	var above uint64
	for _, v := range t.values {
		above += v.count
		all = append(all, Count{
			Bytes: v.bytes, MTU: v.bytes + overhead, Count: v.count,
			Share: share(v.count, t.samples), Cumulative: share(above, t.samples),
		})
	}
	if len(all) > MaxValues {
		slices.SortStableFunc(all, func(a, b Count) int { return cmp.Compare(b.Count, a.Count) })
		all = slices.Clip(all[:MaxValues])
		slices.SortFunc(all, func(a, b Count) int { return cmp.Compare(b.Bytes, a.Bytes) })
	}
	return all
}

// report turns the tally into values of a report.
func (t tally) report(f classify.Family, overhead uint32) Values {
	v := Values{Family: f.String(), Samples: t.samples, Counts: t.counts(overhead)}
	named := uint64(0)
	for _, c := range v.Counts {
		named += c.Count
	}
	v.Other, v.OtherValues = t.samples-named, len(t.values)-len(v.Counts)
	return v
}

// share is part of all, 0 to 1; of nothing 0.
func share(part, all uint64) float64 {
	if all == 0 {
		return 0
	}
	return float64(part) / float64(all)
}
