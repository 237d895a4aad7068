package firewall

import "encoding/binary"

// decodeTarget reads a target of iptables, which iptables-nft keeps as it is, by
// name and revision. One that is not known may end the rule in any way.
func decodeTarget(name string, revision uint32, info []byte) expression {
	switch name {
	case "REJECT":
		return reject{}
	case "DROP":
		return decision{verdict{kind: verdictDrop}}
	case "ACCEPT":
		return decision{verdict{kind: verdictAccept}}
	case "NOTRACK":
		return notrack{}
	case "CT":
		return decodeCT(info)
	case "MARK":
		return decodeMarkTarget(revision, info)
	case "CONNMARK":
		return decodeConnMark(revision, info)
	case "NFQUEUE":
		return decision{verdict{kind: verdictElsewhere}}
	case "LOG", "NFLOG", "ULOG", "AUDIT", "TRACE", "CLASSIFY", "DSCP", "TOS", "ECN", "TTL", "HL", "CHECKSUM", "SET",
		"TEE", "RATEEST", "IDLETIMER", "LED", "SECMARK", "CONNSECMARK", "TCPMSS", "TCPOPTSTRIP":
		return idle{text: name}
	}
	return opaque{text: name + " …", ends: true}
}

// decodeCT reads the flags of struct xt_ct_target_info, of any revision.
func decodeCT(info []byte) expression {
	const passOver = 1 // XT_CT_NOTRACK
	if len(info) < 2 {
		return opaque{text: "CT …"}
	}
	if binary.NativeEndian.Uint16(info)&passOver != 0 {
		return notrack{}
	}
	return idle{text: "CT"}
}

// decodeMarkTarget reads struct xt_mark_tginfo2: mark and mask.
func decodeMarkTarget(revision uint32, info []byte) expression {
	if revision != 2 || len(info) < 8 {
		return forgetMark{mask: ^uint32(0), always: true}
	}
	return changeMark{binary.NativeEndian.Uint32(info), binary.NativeEndian.Uint32(info[4:])}
}

// changeMark is "mark & ^mask ^ bits" (mark_tg in net/netfilter/xt_mark.c).
type changeMark struct{ bits, mask uint32 }

func (x changeMark) eval(r *run) match {
	r.setMark(r.mark&^x.mask^x.bits, r.markKnown|x.mask)
	return yes
}

func (changeMark) tell(*speech) string { return "meta mark set …" }

// decodeConnMark reads struct xt_connmark_tginfo1 and 2, which restore the bits of
// two masks from the connection or do nothing to the packet.
func decodeConnMark(revision uint32, info []byte) expression {
	const restore = 2 // XT_CONNMARK_RESTORE
	modes := map[uint32]int{1: 12, 2: 14}
	mode, ok := modes[revision]
	if !ok || len(info) <= mode {
		return forgetMark{mask: ^uint32(0)}
	}
	if info[mode] != restore {
		return idle{text: "CONNMARK"}
	}
	if revision != 1 {
		return forgetMark{mask: ^uint32(0)} // it shifts them
	}
	return forgetMark{mask: binary.NativeEndian.Uint32(info[4:]) | binary.NativeEndian.Uint32(info[8:])}
}

// forgetMark sets bits of the mark to what is not known, always or where the
// packet belongs to a connection.
type forgetMark struct {
	mask   uint32
	always bool
}

func (x forgetMark) eval(r *run) match {
	if x.always || r.track.connection() != no {
		r.setMark(r.mark, r.markKnown&^x.mask)
	}
	return yes
}

func (forgetMark) tell(*speech) string { return "meta mark set …" }
