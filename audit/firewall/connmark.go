package firewall

import (
	"encoding/binary"
	"fmt"
)

// Modes of xt_connmark (linux/netfilter/xt_connmark.h).
const (
	connMarkSet     = 0
	connMarkSave    = 1
	connMarkRestore = 2
)

// connMark is CONNMARK (connmark_tg_shift in net/netfilter/xt_connmark.c).
type connMark struct {
	bits             uint32 // to set
	connMask, toMask uint32 // of the connection's mark, and the packet's
	shift            int    // how far to the left what is saved or restored moves
	mode             byte
}

// decodeConnMark reads struct xt_connmark_tginfo1 and 2, of which the second has
// shifts.
func decodeConnMark(revision uint32, info []byte) expression {
	const right = 1 // D_SHIFT_RIGHT
	if revision < 1 || revision > 2 || len(info) < 12+int(2*revision-1) {
		return forgetMark{}
	}
	x := connMark{
		bits:     binary.NativeEndian.Uint32(info),
		connMask: binary.NativeEndian.Uint32(info[4:]),
		toMask:   binary.NativeEndian.Uint32(info[8:]),
		mode:     info[12],
	}
	if revision == 2 {
		x.mode, x.shift = info[14], int(info[13])
		if info[12] == right {
			x.shift = -x.shift
		}
	}
	return x
}

func (x connMark) eval(r *run) match {
	switch x.mode {
	case connMarkSet:
		r.setConnectionMark(x.bits, x.connMask)
	case connMarkSave:
		r.setConnectionMark(r.mark&x.toMask, r.markKnown|^x.toMask)
	case connMarkRestore:
		x.restore(r)
	}
	return yes
}

// restore writes bits of the connection's mark over those of the packet's.
func (x connMark) restore(r *run) {
	restored := shift(x.connMask, x.shift)
	value, known := r.mark&^x.toMask, (r.markKnown|x.toMask)&^restored
	switch r.track.connection() {
	case yes:
		r.setMark(value, known, x.toMask|restored)
	case maybe:
		r.setMark(r.mark, r.markKnown&^(x.toMask|restored), x.toMask|restored)
	case no:
		return
	}
	r.wrote.recalled = restored
}

// shift is a number with its bits n places to the left, or to the right where n is
// less than 0.
func shift(v uint32, n int) uint32 {
	if n < 0 {
		return v >> -n
	}
	return v << n
}

func (x connMark) tell(*speech) string {
	switch x.mode {
	case connMarkSet:
		return fmt.Sprintf("CONNMARK --set-xmark 0x%x/0x%x", x.bits, x.connMask)
	case connMarkSave:
		return fmt.Sprintf("CONNMARK --save-mark --nfmask 0x%x --ctmask 0x%x", x.toMask, x.connMask)
	case connMarkRestore:
		return fmt.Sprintf("CONNMARK --restore-mark --nfmask 0x%x --ctmask 0x%x", x.toMask, x.connMask)
	}
	return "CONNMARK …"
}

// connMarkMatch asks for the connection's mark.
type connMarkMatch struct{}

func (connMarkMatch) eval(r *run) match {
	r.recalled = true
	return maybe.and(r.track.connection())
}

func (connMarkMatch) tell(*speech) string { return ctMarkName + " …" }

// recalls reports whether some rule of the chains looks at what an earlier packet
// may have left with the connection.
func recalls(chains []*chain) bool {
	for _, c := range chains {
		for i := range c.rules {
			for _, x := range c.rules[i].expressions {
				if x, ok := x.(interface{ recalls() bool }); ok && x.recalls() {
					return true
				}
			}
		}
	}
	return false
}

func (l load) recalls() bool        { return l.field.name == ctMarkName }
func (connMarkMatch) recalls() bool { return true }
func (x connMark) recalls() bool    { return x.mode == connMarkRestore }
