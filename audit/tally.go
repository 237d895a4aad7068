package audit

import (
	"cmp"
	"slices"
	"sort"

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

// most are the values that came most often, at most MaxValues, the largest value
// first; of values that came as often the larger. A forger chooses how many there
// are, so it costs no memory for those that it leaves out.
func (t tally) most() []valueCount {
	if len(t.values) <= MaxValues {
		return t.values
	}
	most := make([]valueCount, 0, MaxValues+1) // the most frequent first
	for _, v := range t.values {
		at := sort.Search(len(most), func(i int) bool { return most[i].count < v.count })
		if at == MaxValues {
			continue
		}
		most = slices.Insert(most, at, v)
		most = most[:min(len(most), MaxValues)]
	}
	slices.SortFunc(most, func(a, b valueCount) int { return cmp.Compare(b.bytes, a.bytes) })
	return most
}

// counts names the values that came most often, the largest first, with the MTU
// that is so many bytes larger. The shares are of all values, named or not.
func (t tally) counts(overhead uint32) []Count {
	named := []Count{}
	var above uint64
	rest := t.values
	for _, v := range t.most() {
		for len(rest) > 0 && rest[0].bytes >= v.bytes {
			above += rest[0].count
			rest = rest[1:]
		}
		named = append(named, Count{
			Bytes: v.bytes, MTU: v.bytes + overhead, Count: v.count,
			Share: share(v.count, t.samples), Cumulative: share(above, t.samples),
		})
	}
	return named
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

// share is part of all, 0 to 1; all is not 0.
func share(part, all uint64) float64 { return float64(part) / float64(all) }
