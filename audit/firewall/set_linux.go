package firewall

import (
	"bytes"
	"slices"

	"golang.org/x/sys/unix"
)

// Flags and attributes of sets and elements that golang.org/x/sys/unix lacks
// (linux/netfilter/nf_tables.h).
const (
	setInterval = 1 << 2
	setEval     = 1 << 5
	setObject   = 1 << 6

	setDescConcat   = 2 // NFTA_SET_DESC_CONCAT
	setFieldLength  = 1 // NFTA_SET_FIELD_LEN
	elemKeyEnd      = 10
	elemExpressions = 11

	elemIntervalEnd = 1 << 0
	elemCatchAll    = 1 << 1
)

// setInfo is what a set is, without its elements.
type setInfo struct {
	flags  uint32
	fields []int // lengths, where it says
}

func decodeSet(a *attributes) (setInfo, error) {
	info := setInfo{flags: a.optional(unix.NFTA_SET_FLAGS)}
	if a.has(unix.NFTA_SET_DESC) {
		if desc := a.nest(unix.NFTA_SET_DESC); desc.has(setDescConcat) {
			list, err := elements(desc.by[setDescConcat])
			if err != nil {
				return info, err
			}
			for _, f := range list {
				info.fields = append(info.fields, parseLength(f))
			}
		}
	}
	return info, a.err
}

// parseLength is a field's length, at most all that registers hold.
func parseLength(b []byte) int {
	return int(min(parse(b).optional(setFieldLength), registerBytes))
}

// rawElement is an element as the kernel gives it: in a set of intervals one that
// begins or ends an interval.
type rawElement struct {
	element
	ends bool
}

func decodeElement(b []byte) (rawElement, error) {
	a := parse(b)
	flags := a.optional(unix.NFTA_SET_ELEM_FLAGS)
	e := rawElement{ends: flags&elemIntervalEnd != 0}
	e.conditional = decodeConditions(a)
	if e.every = flags&elemCatchAll != 0; !e.every {
		e.from = a.value(unix.NFTA_SET_ELEM_KEY)
		e.to = e.from
		if a.has(elemKeyEnd) {
			e.to = a.value(elemKeyEnd)
		}
		if len(e.from) != len(e.to) {
			a.fail(elemKeyEnd)
		}
	}
	if a.has(unix.NFTA_SET_ELEM_DATA) {
		var decides bool
		if e.verdict, decides = a.verdict(unix.NFTA_SET_ELEM_DATA); !decides {
			e.data = a.value(unix.NFTA_SET_ELEM_DATA)
		}
	}
	return e, a.err
}

// decodeConditions reports whether an element holds of some packets only: whether
// any expression that comes with it does more than to count.
func decodeConditions(a *attributes) bool {
	list, err := elements(a.by[elemExpressions])
	if err != nil {
		return true
	}
	if a.has(unix.NFTA_SET_ELEM_EXPR) {
		list = append(list, a.by[unix.NFTA_SET_ELEM_EXPR])
	}
	return slices.ContainsFunc(list, func(b []byte) bool {
		_, counts := decodeExpression(b).(idle)
		return !counts
	})
}

// makeSet puts together what was read.
func makeSet(info setInfo, raw []rawElement) *set {
	s := &set{fickle: info.flags&(setEval|setObject) != 0}
	if len(info.fields) > 1 {
		s.fields = info.fields
	}
	if info.flags&setInterval != 0 && len(s.fields) == 0 && !slices.ContainsFunc(raw, hasRange) {
		s.elements = intervals(raw)
		return s
	}
	slices.SortStableFunc(raw, func(a, b rawElement) int { return bytes.Compare(a.from, b.from) })
	for _, e := range raw {
		s.elements = append(s.elements, e.element)
	}
	return s
}

// hasRange reports whether an element is a range by itself.
func hasRange(e rawElement) bool { return !bytes.Equal(e.from, e.to) }

// intervals pairs the elements that begin intervals with those that end them,
// which are no longer part of them. An interval without an end goes to the last
// key there is.
func intervals(raw []rawElement) (all []element) {
	slices.SortStableFunc(raw, func(a, b rawElement) int {
		if c := bytes.Compare(a.from, b.from); c != 0 {
			return c
		}
		return int(endsFirst(b)) - int(endsFirst(a))
	})
	for i, e := range raw {
		switch {
		case e.every:
			all = append(all, e.element)
			continue
		case e.ends:
			continue
		}
		e.to = bytes.Repeat([]byte{0xff}, len(e.from))
		if i+1 < len(raw) && len(raw[i+1].from) == len(e.from) {
			e.to = before(raw[i+1].from)
		}
		all = append(all, e.element)
	}
	return all
}

func endsFirst(e rawElement) uint8 {
	if e.ends {
		return 1
	}
	return 0
}

// before is the key in front of one that is not the first.
func before(key []byte) []byte {
	b := bytes.Clone(key)
	for i := len(b) - 1; i >= 0; i-- {
		b[i]--
		if b[i] != 0xff {
			break
		}
	}
	return b
}
