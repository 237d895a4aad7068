package firewall

import (
	"encoding/binary"
	"fmt"
)

// decodeICMP reads struct ipt_icmp and struct ip6t_icmp: type, codes from and to,
// flags.
func decodeICMP(ipv6 bool, info []byte) expression {
	const (
		anyType = 0xff
		invert  = 1
	)
	if len(info) < 4 {
		return nil
	}
	kind, from, to, not := info[0], info[1], info[2], info[3]&invert != 0
	text := fmt.Sprintf("icmp type %d", kind)
	switch {
	case kind == anyType && !ipv6:
		text = "icmp"
	case from == to:
		text += fmt.Sprintf(" code %d", from)
	}
	if not {
		text = "not " + text
	}
	return extension{text, func(r *run) match {
		if r.rewritten || r.segment != nil {
			return maybe
		}
		k, c := r.icmp()
		found := r.ipv6 == ipv6 && (kind == anyType && !ipv6 || k == kind && from <= c && c <= to)
		return certain(found != not)
	}}
}

// decodeMarkMatch reads struct xt_mark_mtinfo1: mark, mask, invert.
func decodeMarkMatch(info []byte) expression {
	if len(info) < 9 {
		return nil
	}
	want, mask, not := info[0:4:4], info[4:8:8], info[8] != 0
	sign := " == "
	if not {
		sign = " != "
	}
	return extension{"meta mark & " + showFlags(mask) + sign + showFlags(want), func(r *run) match {
		m := markOf(r).mask(mask, make([]byte, 4)).equals(want)
		if not {
			return m.not()
		}
		return m
	}}
}

// decodePacketType reads struct xt_pkttype_info: type, invert.
func decodePacketType(info []byte) expression {
	if len(info) < 8 {
		return nil
	}
	want, not := binary.NativeEndian.Uint32(info), binary.NativeEndian.Uint32(info[4:]) != 0
	sign := " "
	if not {
		sign = " != "
	}
	return extension{"meta pkttype" + sign + showPacketType(info[:4]), func(r *run) match { return certain((want == uint32(r.pktType())) != not) }}
}
