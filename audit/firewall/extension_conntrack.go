package firewall

import "encoding/binary"

// Bits of the states of xt_conntrack (linux/netfilter/xt_conntrack.h). The first
// four are those of ct state.
const (
	xtSourceNAT      = 1 << 6
	xtDestinationNAT = 1 << 7
	xtUntracked      = 1 << 8
)

// decodeConntrack reads struct xt_conntrack_mtinfo1, 2 and 3, of which the first
// has its masks in one byte each.
func decodeConntrack(revision uint32, info []byte) expression {
	const (
		flags  = 146
		invert = 148
		states = 150
		end    = 154
	)
	if len(info) < end || revision < 1 || revision > 3 {
		return nil
	}
	c := conntrack{
		flags: binary.NativeEndian.Uint16(info[flags:]) &^ conntrackAlias,
		not:   binary.NativeEndian.Uint16(info[invert:])&conntrackStates != 0,
		mask:  uint32(binary.NativeEndian.Uint16(info[states:])),
	}
	if revision == 1 {
		c.mask = uint32(info[states])
	}
	return extension{c.text(), c.holds}
}

// conntrackAlias marks what was written as -m state (XT_CONNTRACK_STATE_ALIAS).
const conntrackAlias = 1 << 13

// conntrackStates: states are asked for (XT_CONNTRACK_STATE); the other flags ask
// about the connection.
const conntrackStates = 1 << 0

type conntrack struct {
	flags uint16
	not   bool
	mask  uint32
}

// holds is conntrack_mt in net/netfilter/xt_conntrack.c: without a connection
// nothing but the states counts, and without those nothing holds.
func (c conntrack) holds(r *run) match {
	if c.flags&conntrackStates == 0 {
		return maybe.and(r.track.connection())
	}
	return anyOf(r.track, func(t track) match {
		m := c.inMask(t)
		if c.not {
			m = m.not()
		}
		if t.connected() != 0 && c.flags != conntrackStates {
			m = m.and(maybe)
		}
		return m
	})
}

func (c conntrack) inMask(t track) match {
	bit := t.bits()
	if t == untracked {
		bit = xtUntracked
	}
	switch {
	case c.mask&bit != 0:
		return yes
	case t.connected() != 0 && c.mask&(xtSourceNAT|xtDestinationNAT) != 0:
		return maybe
	}
	return no
}

func (c conntrack) text() string {
	if c.flags&conntrackStates == 0 || c.mask&(xtSourceNAT|xtDestinationNAT) != 0 {
		return "conntrack …"
	}
	mask := c.mask &^ xtUntracked
	if c.mask&xtUntracked != 0 {
		mask |= ctUntracked
	}
	text := "ct state "
	if c.not {
		text += "!= "
	}
	text += showStates(binary.NativeEndian.AppendUint32(nil, mask))
	if c.flags != conntrackStates {
		text += " …"
	}
	return text
}

// anyOf joins what holds for each thing that conntrack may have made of a packet.
func anyOf(all track, holds func(track) match) match {
	least, most := yes, no
	all.each(func(t track) {
		m := holds(t)
		least, most = min(least, m), max(most, m)
	})
	if least == most {
		return least
	}
	return maybe
}

// decodeState reads struct xt_state_info (linux/netfilter/xt_state.h), whose bits
// are those of ct state.
func decodeState(info []byte) expression {
	if len(info) < 4 {
		return nil
	}
	mask := binary.NativeEndian.Uint32(info)
	return extension{"ct state " + showStates(info[:4]), func(r *run) match {
		return anyOf(r.track, func(t track) match { return certain(mask&t.bits() != 0) })
	}}
}
