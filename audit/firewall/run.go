package firewall

import "slices"

// registerBytes is the room of nftables' registers.
const registerBytes = 64

// run is one packet in one rule.
type run struct {
	packet
	state
	table     *table
	registers [registerBytes]octet
	// verdicts are what the last expression may have decided; empty: nothing. wrote
	// is the mark that it wrote; nil: none.
	verdicts []verdict
	wrote    *write
	// looked: some expression may have looked at the TOS byte; unclear: what it made
	// of that is not understood.
	looked, unclear bool
	// recalled: that one goes on depends on the connection's mark.
	recalled bool
}

// put writes a register and what is behind it in its four bytes, which the kernel
// makes zero.
func (r *run) put(register int, w word) {
	n := copy(r.registers[register:], w)
	for i := register + n; i%4 != 0 && i < registerBytes; i++ {
		r.registers[i] = octet{known: 0xff}
	}
}

// get reads n bytes of a register.
func (r *run) get(register, n int) word {
	w := unknown(n)
	copy(w, r.registers[register:])
	return w
}

// test reads n bytes of a register that decide whether the rule goes on.
func (r *run) test(register, n int) word {
	w := r.get(register, n)
	r.recalled = r.recalled || slices.ContainsFunc(w, func(o octet) bool { return o.from == connectionMark })
	return w
}

// forget is what is done to registers that nobody knows about.
func (r *run) forget() { r.registers = [registerBytes]octet{} }

// expression is a part of a rule.
type expression interface {
	// eval has the expression look at the packet, or change it, and reports
	// whether the rule goes on.
	eval(r *run) match
	// tell is the expression in words, like nft's; empty: nothing to say.
	tell(s *speech) string
}

// verdict ends a rule.
type verdict struct {
	kind  verdictKind
	chain string // where to
}

type verdictKind uint8

const (
	verdictContinue verdictKind = iota
	verdictBreak
	verdictAccept
	verdictDrop
	verdictReturn
	verdictJump
	verdictGoto
	// verdictElsewhere: somebody else decides, as with a queue.
	verdictElsewhere
)

func (v verdict) String() string {
	switch v.kind {
	case verdictContinue:
		return "continue"
	case verdictBreak:
		return "break"
	case verdictAccept:
		return "accept"
	case verdictDrop:
		return "drop"
	case verdictReturn:
		return "return"
	case verdictJump:
		return "jump " + v.chain
	case verdictGoto:
		return "goto " + v.chain
	case verdictElsewhere:
	}
	return "…"
}
