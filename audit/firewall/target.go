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
	case "DSCP", "TOS", "ECN":
		return decodeTOSTarget(name, info)
	case "TPROXY":
		return opaque{text: name + " …", ends: true, blind: true}
	case "NFQUEUE":
		return decision{verdict{kind: verdictElsewhere}}
	case "LOG", "NFLOG", "ULOG", "AUDIT", "TRACE", "CLASSIFY", "TTL", "HL", "CHECKSUM", "SET",
		"TEE", "RATEEST", "IDLETIMER", "LED", "SECMARK", "CONNSECMARK", "TCPMSS", "TCPOPTSTRIP":
		return idle{text: name}
	}
	return opaque{text: name + " …", ends: true}
}

// decodeCT reads the flags of struct xt_ct_target_info, of any revision.
func decodeCT(info []byte) expression {
	const passOver = 1 // XT_CT_NOTRACK
	if len(info) < 2 {
		return opaque{text: "CT …", blind: true}
	}
	if binary.NativeEndian.Uint16(info)&passOver != 0 {
		return notrack{}
	}
	return idle{text: "CT"}
}

// decodeMarkTarget reads struct xt_mark_tginfo2: mark and mask.
func decodeMarkTarget(revision uint32, info []byte) expression {
	if revision != 2 || len(info) < 8 {
		return forgetMark{}
	}
	return changeMark{binary.NativeEndian.Uint32(info), binary.NativeEndian.Uint32(info[4:])}
}
