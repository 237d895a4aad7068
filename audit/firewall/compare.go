package firewall

import (
	"bytes"
	"slices"
)

// operator is that of a comparison, by its number (enum nft_cmp_ops).
type operator uint32

const (
	equal operator = iota
	notEqual
	less
	lessOrEqual
	greater
	greaterOrEqual
)

// compare holds where a register stands in a relation to data.
type compare struct {
	register int
	operator operator
	data     []byte
}

func (c compare) eval(r *run) match {
	w := r.test(c.register, len(c.data))
	lowest, highest := bytes.Repeat([]byte{0}, len(w)), bytes.Repeat([]byte{0xff}, len(w))
	switch c.operator {
	case equal:
		return w.equals(c.data)
	case notEqual:
		return w.equals(c.data).not()
	case less:
		return w.within(c.data, highest).not()
	case lessOrEqual:
		return w.within(lowest, c.data)
	case greater:
		return w.within(lowest, c.data).not()
	case greaterOrEqual:
		return w.within(c.data, highest)
	}
	return maybe
}

func (c compare) tell(s *speech) string {
	signs := [...]string{equal: " ", notEqual: " != ", less: " < ", lessOrEqual: " <= ", greater: " > ", greaterOrEqual: " >= "}
	if int(c.operator) >= len(signs) {
		return "…"
	}
	return s.compare(c.register, signs[c.operator], c.data)
}

// inRange holds where a register lies between two values or is one of them.
type inRange struct {
	register int
	not      bool
	from, to []byte
}

func (x inRange) eval(r *run) match {
	m := r.test(x.register, len(x.from)).within(x.from, x.to)
	if x.not {
		return m.not()
	}
	return m
}

func (x inRange) tell(s *speech) string {
	l := s.label(x.register)
	sign := " "
	if x.not {
		sign = " != "
	}
	return l.name + sign + l.show(x.from) + "-" + l.show(x.to)
}

// bitwise is a register "& mask ^ xor".
type bitwise struct {
	source, register int
	maskBits, xor    []byte
}

func (x bitwise) eval(r *run) match {
	r.put(x.register, r.get(x.source, len(x.maskBits)).mask(x.maskBits, x.xor))
	return yes
}

func (x bitwise) tell(s *speech) string {
	l := s.label(x.source)
	l.mask = x.maskBits
	if slices.ContainsFunc(x.xor, func(b byte) bool { return b != 0 }) {
		l = label{field: field{name: l.name + " & " + l.show(x.maskBits) + " ^ " + l.show(x.xor), bytes: l.bytes, show: l.show}}
	}
	s.labels[x.register] = l
	return ""
}

// byteorder turns round every size bytes of a register. What is left over of the
// bytes stays, in the register that is written to (nft_byteorder_eval in
// net/netfilter/nft_byteorder.c).
type byteorder struct {
	source, register int
	bytes, size      int
}

func (x byteorder) eval(r *run) match {
	w := r.get(x.source, x.bytes-x.bytes%x.size)
	copy(r.registers[x.register:], w.turn(x.size))
	return yes
}

// turn leaves the word as it is where the host's order is the network's.
func (w word) turn(size int) word {
	if bigEndian {
		return w
	}
	turned := make(word, len(w))
	for i := range w {
		o := w[i-i%size+size-1-i%size]
		turned[i] = octet{value: o.value, known: o.known}
	}
	return turned
}

func (x byteorder) tell(s *speech) string {
	l := s.label(x.source)
	l.show = showBig
	s.labels[x.register] = l
	return ""
}
