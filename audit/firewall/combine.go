package firewall

import "encoding/binary"

// shifted is a register with its bits moved, read as numbers of four bytes in the
// host's order of which the first is the highest (nft_bitwise_eval_lshift and
// nft_bitwise_eval_rshift in net/netfilter/nft_bitwise.c).
type shifted struct {
	source, register int
	bytes            int
	left             bool
	by               int // less than 32
}

func (x shifted) eval(r *run) match {
	w := r.get(x.source, min(padded(x.bytes), registerBytes-x.source))
	value, known := make([]uint32, len(w)/4), make([]uint32, len(w)/4)
	for i := range value {
		value[i], known[i] = w[4*i : 4*i+4].number()
	}
	r.put(x.register, numbers(x.move(value, 0), x.move(known, ^uint32(0))))
	return yes
}

// move fills up with bits of fill.
func (x shifted) move(v []uint32, fill uint32) []uint32 {
	moved := make([]uint32, len(v))
	at := func(i int) uint64 {
		if i < 0 || i >= len(v) {
			return uint64(fill)
		}
		return uint64(v[i])
	}
	for i := range v {
		if x.left {
			moved[i] = uint32((at(i)<<32 | at(i+1)) << x.by >> 32)
		} else {
			moved[i] = uint32((at(i-1)<<32 | at(i)) >> x.by)
		}
	}
	return moved
}

// numbers is a word of numbers of which some bits are known.
func numbers(value, known []uint32) (w word) {
	for i := range value {
		v, k := binary.NativeEndian.AppendUint32(nil, value[i]), binary.NativeEndian.AppendUint32(nil, known[i])
		for j := range v {
			w = append(w, octet{value: v[j] & k[j], known: k[j]})
		}
	}
	return w
}

func (x shifted) tell(s *speech) string {
	sign := " >> "
	if x.left {
		sign = " << "
	}
	s.combine(x.source, x.register, sign+showNumber(binary.NativeEndian.AppendUint32(nil, uint32(x.by))))
	return ""
}

// boolean is a register combined with another one, or with data, bit by bit.
type boolean struct {
	source, second, register int
	bytes                    int
	data                     []byte // in place of second
	operator                 bitOperator
}

// bitOperator is the number of an operation (enum nft_bitwise_ops).
type bitOperator uint32

const (
	bitShiftLeft  bitOperator = 1
	bitShiftRight bitOperator = 2
	bitAnd        bitOperator = 3
	bitOr         bitOperator = 4
	bitXor        bitOperator = 5
)

func (x boolean) eval(r *run) match {
	w, o := r.get(x.source, x.bytes), constant(x.data...)
	if x.data == nil {
		o = r.get(x.second, x.bytes)
	}
	for i := range w {
		w[i] = x.operator.combine(w[i], o[i])
	}
	r.put(x.register, w)
	return yes
}

// combine keeps whence bits come that are not known where it leaves them alone.
func (op bitOperator) combine(a, b octet) octet {
	c := octet{known: a.known & b.known}
	switch op {
	case bitAnd:
		c.known |= a.known&^a.value | b.known&^b.value
		c.value = a.value & b.value
	case bitOr:
		c.known |= a.value | b.value
		c.value = a.value | b.value
	case bitXor:
		c.value = a.value ^ b.value
	case bitShiftLeft, bitShiftRight:
	}
	c.value &= c.known
	if b.known == 0xff && (op != bitXor || b.value&^a.known == 0) {
		c.from, c.at = a.from, a.at
	}
	return c
}

func (x boolean) tell(s *speech) string {
	sign := map[bitOperator]string{bitAnd: " & ", bitOr: " | ", bitXor: " ^ "}[x.operator]
	with := s.label(x.second).name
	if x.data != nil {
		with = s.label(x.source).show(x.data)
	}
	s.combine(x.source, x.register, sign+with)
	return ""
}

// value is what a register holds.
func (s *speech) value(register int) string {
	l := s.label(register)
	if l.mask != nil {
		return l.name + " & " + l.show(l.mask)
	}
	return l.name
}

// combine has a register hold what another one does with something done to it.
func (s *speech) combine(source, register int, done string) {
	s.name(register, field{name: s.value(source) + done, bytes: s.label(source).bytes, show: showFlags})
}
