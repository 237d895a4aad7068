// Package tally gives what is counted its names, as JSON has them. What is 0 is left
// out.
package tally

import (
	"ptbrelay/classify"
	"ptbrelay/relay/outcome"
)

// Named are the counts of a closed set by name.
func Named[T ~uint8](counts []uint64, name func(T) string) map[string]uint64 {
	named := make(map[string]uint64)
	for i, n := range counts {
		if n > 0 {
			named[name(T(i))] = n
		}
	}
	return named
}

// ByFamily are the counts of a closed set by family and name.
func ByFamily[T ~uint8](name func(T) string, counts func(classify.Family) []uint64) map[string]map[string]uint64 {
	all := make(map[string]map[string]uint64)
	for f := range classify.Family(classify.NumFamilies) {
		if named := Named(counts(f), name); len(named) > 0 {
			all[f.String()] = named
		}
	}
	return all
}

// Verdicts are those of one source by family and name.
func Verdicts(counts *[classify.NumFamilies][classify.NumVerdicts]uint64) map[string]map[string]uint64 {
	return ByFamily(classify.Verdict.String, func(f classify.Family) []uint64 { return counts[f][:] })
}

// Outcomes are those of messages from the wire by family and name.
func Outcomes(counts *[classify.NumFamilies][outcome.NumOutcomes]uint64) map[string]map[string]uint64 {
	return ByFamily(outcome.Outcome.String, func(f classify.Family) []uint64 { return counts[f][:] })
}
