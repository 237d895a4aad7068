package firewall

import (
	"bytes"
	"net/netip"
	"strings"
)

// mostShown is how many elements of a set are told.
const mostShown = 8

// speech tells a rule in words.
type speech struct {
	table  *table
	labels map[int]label // by register
}

// label is what a register holds.
type label struct {
	field
	mask []byte // nil: all of it
}

// tell is the rule as far as it is understood, much like nft prints it.
func (r *rule) tell(t *table) string {
	s := speech{table: t, labels: make(map[int]label)}
	var parts []string
	for _, x := range r.expressions {
		if part := x.tell(&s); part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, " ")
}

func (s *speech) name(register int, f field) { s.labels[register] = label{field: f} }

func (s *speech) label(register int) label {
	if l, ok := s.labels[register]; ok {
		return l
	}
	return label{field: field{name: "…", show: showHex}}
}

// compare tells a comparison, whose sign has spaces around it.
func (s *speech) compare(register int, sign string, data []byte) string {
	l := s.label(register)
	if l.mask == nil {
		return l.name + sign + l.show(data)
	}
	zero := len(bytes.Trim(data, "\x00")) == 0
	if bits, ok := prefixBits(l.mask); ok && sign != " != " && !zero {
		if a, ok := netip.AddrFromSlice(data); ok {
			return l.name + sign + netip.PrefixFrom(a, bits).String()
		}
	}
	if zero && sign == " != " {
		return l.name + " " + l.show(l.mask)
	}
	if sign == " " {
		sign = " == "
	}
	return l.name + " & " + l.show(l.mask) + sign + l.show(data)
}

// prefixBits is the length of a mask that has ones first and then zeros.
func prefixBits(mask []byte) (bits int, ok bool) {
	for i, b := range mask {
		for bit := range 8 {
			if b&(0x80>>bit) != 0 {
				if bits != i*8+bit {
					return 0, false
				}
				bits++
			}
		}
	}
	return bits, true
}

// phrase is what a key is made of that is looked up.
func (s *speech) phrase(register int, set *set) string {
	first := s.label(register)
	names := []string{first.name}
	if set != nil {
		end := register + set.keyBytes()
		for at := register + padded(first.bytes); at < end; {
			l, ok := s.labels[at]
			if !ok {
				break
			}
			names = append(names, l.name)
			at += padded(l.bytes)
		}
	}
	return strings.Join(names, " . ")
}

// padded is how much room n bytes take in registers.
func padded(n int) int { return (n + 3) &^ 3 }

// set is a set's name, or what is in it where it has none of its own.
func (s *speech) set(x lookup, set *set) string {
	if set == nil || set.unread || len(set.fields) > 1 || !strings.HasPrefix(x.set, "__") {
		return "@" + x.set
	}
	l := s.label(x.source)
	var shown []string
	for i := range set.elements {
		if i == mostShown {
			shown = append(shown, "…")
			break
		}
		text := set.elements[i].tell(l)
		if x.target == targetVerdict {
			text += " : " + set.elements[i].verdict.String()
		}
		shown = append(shown, text)
	}
	return "{ " + strings.Join(shown, ", ") + " }"
}

func (e *element) tell(l label) string {
	switch {
	case e.every:
		return "*"
	case bytes.Equal(e.from, e.to):
		return l.show(e.from)
	default:
		return l.show(e.from) + "-" + l.show(e.to)
	}
}
