package simulation

import "ptbrelay/classify"

// Scheme is a way to decide which PTBs get a copy.
type Scheme struct {
	Name string
	// Budget is the most copies that it may let through in any second.
	Budget int
	make   func(seed uint64) relay
}

// relay is a scheme at work on one server.
type relay interface {
	// admit tells whether the PTB gets a copy. now is in nanoseconds.
	admit(now int64, m *classify.Message) bool
}

// Schemes are those that are compared.
func Schemes() []Scheme { return []Scheme{PMTUD(), PMTUDWide(), Ours()} }
