package firewall

import "fmt"

const dscpShift = 2

// decodeTOSMatch reads struct xt_dscp_info, xt_tos_match_info and xt_ecn_info, which
// iptables pads.
func decodeTOSMatch(name string, info []byte) expression {
	if len(info) < 4 {
		return nil
	}
	switch name {
	case "dscp":
		return tosMatch{mask: ^byte(ecnBits), want: info[0] << dscpShift, not: info[1] != 0}
	case "tos":
		return tosMatch{mask: info[0], want: info[1], not: info[2] != 0}
	}
	const ip = 0x01 // XT_ECN_OP_MATCH_IP; the others are bits of TCP
	if info[0]&ip == 0 {
		return opaque{text: name + " …", blind: true}
	}
	return tosMatch{mask: ecnBits, want: info[2], not: info[1]&ip != 0, more: info[0] != ip}
}

// tosMatch holds of packets whose TOS byte has a value in the bits of a mask (dscp_mt
// and tos_mt in net/netfilter/xt_dscp.c, match_ip in net/netfilter/xt_ecn.c).
type tosMatch struct {
	mask, want byte
	not        bool
	more       bool // asks for more than that
}

func (x tosMatch) eval(r *run) match {
	r.looked = true
	m := word{r.tos}.mask([]byte{x.mask}, []byte{0}).equals([]byte{x.want})
	if x.not {
		m = m.not()
	}
	if x.more {
		m = m.and(maybe)
	}
	return m
}

func (x tosMatch) tell(*speech) string {
	sign := "=="
	if x.not {
		sign = "!="
	}
	return fmt.Sprintf("tos & 0x%02x %s 0x%02x", x.mask, sign, x.want)
}

// decodeTOSTarget reads struct xt_DSCP_info, xt_tos_target_info and ipt_ECN_info.
func decodeTOSTarget(name string, info []byte) expression {
	if len(info) < 1 || name != "DSCP" && len(info) < 2 {
		return opaque{text: name + " …", ends: true}
	}
	switch name {
	case "DSCP":
		return changeTOS{ecnBits, info[0] << dscpShift}
	case "TOS":
		return changeTOS{^info[1], info[0]}
	}
	const ip = 0x01 // IPT_ECN_OP_SET_IP
	if info[0]&ip == 0 {
		return idle{text: name}
	}
	return changeTOS{^byte(ecnBits), info[1] & ecnBits}
}
