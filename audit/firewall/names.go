package firewall

import (
	"bytes"
	"slices"
)

// interfaceNames are the names, or beginnings of names, of interfaces that rules
// of the chains and the chains themselves ask for, at most a few more than
// mostEntrances.
func interfaceNames(chains []*chain) (names [][]byte) {
	add := func(name []byte) {
		has := func(n []byte) bool { return bytes.Equal(n, name) }
		if len(names) <= mostEntrances && len(name) > 0 && !slices.ContainsFunc(names, has) {
			names = append(names, name)
		}
	}
	for _, c := range chains {
		if c.base != nil {
			for _, d := range c.base.devices {
				add(wholeName(d))
			}
		}
		for i := range c.rules {
			c.rules[i].names(c.table, add)
		}
	}
	return names
}

// names calls add for every name that the rule asks for.
func (r *rule) names(t *table, add func([]byte)) {
	held := make(map[int]bool) // registers with the interface's name
	for _, x := range r.expressions {
		switch x := x.(type) {
		case load:
			held[x.register] = x.field.name == incomingName
		case compare:
			if held[x.register] {
				add(nameOf(x.data))
			}
		case lookup:
			if s := t.sets[x.set]; s != nil {
				s.names(x.source, held, add)
			}
		}
	}
}

// names calls add for every name that the set's keys have in place of a register.
func (s *set) names(source int, held map[int]bool, add func([]byte)) {
	for register, yes := range held {
		if at := register - source; yes && at >= 0 {
			for _, e := range s.elements {
				if at+nameBytes <= len(e.from) && bytes.Equal(e.from, e.to) {
					add(nameOf(e.from[at : at+nameBytes]))
				}
			}
		}
	}
}

// nameOf is a name to its end, or a beginning of one.
func nameOf(b []byte) []byte {
	if name, _, ended := bytes.Cut(b, []byte{0}); ended {
		return wholeName(string(name))
	}
	return b[:min(len(b), nameBytes)]
}
