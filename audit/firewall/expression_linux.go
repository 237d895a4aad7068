package firewall

import "golang.org/x/sys/unix"

// decodeExpression reads one expression of a rule. One that is not known, or not
// built as the kernel of today builds it, is opaque.
func decodeExpression(b []byte) expression {
	a := parse(b)
	name := a.text(unix.NFTA_EXPR_NAME)
	if a.err != nil {
		return opaque{text: "…", ends: true}
	}
	data := parse(a.by[unix.NFTA_EXPR_DATA])
	x := decodeNamed(name, data)
	if data.err != nil {
		return opaque{text: name + " …", ends: true}
	}
	return x
}

// decoders read expressions by name. What they could not read is in data.err.
var decoders = map[string]func(data *attributes) expression{
	"meta":      decodeMeta,
	"ct":        decodeCt,
	"payload":   decodePayload,
	"exthdr":    decodeExthdr,
	"fib":       decodeFib,
	"cmp":       decodeCompare,
	"range":     decodeRange,
	"bitwise":   decodeBitwise,
	"byteorder": decodeByteorder,
	"lookup":    decodeLookup,
	"immediate": decodeImmediate,
	"objref":    decodeObject,
	"match":     decodeMatch,
	"target":    decodeXtTarget,
	"notrack":   func(*attributes) expression { return notrack{} },
	"reject":    func(*attributes) expression { return reject{} },
	"queue":     func(*attributes) expression { return decision{verdict{kind: verdictElsewhere}} },
	"counter":   func(*attributes) expression { return idle{} },
	"last":      func(*attributes) expression { return idle{} },
	"log":       func(*attributes) expression { return idle{text: "log"} },
	"dup":       func(*attributes) expression { return idle{text: "dup"} },
	"tproxy":    func(*attributes) expression { return absent{"tproxy"} }, // TCP and UDP only
	"synproxy":  func(*attributes) expression { return absent{"synproxy"} },
	"hash":      func(*attributes) expression { return hash{} },
	"fwd":       func(*attributes) expression { return decision{verdict{kind: verdictElsewhere}} },
}

// conditions hold of some packets and do not end a rule otherwise; some of them
// fill registers. None looks at the TOS byte.
var conditions = map[string]bool{
	"limit": true, "quota": true, "connlimit": true, "dynset": true, "numgen": true,
	"rt": true, "socket": true, "osf": true, "tunnel": true, "xfrm": true, "flow_offload": true,
}

func decodeNamed(name string, data *attributes) expression {
	if decode, ok := decoders[name]; ok {
		return decode(data)
	}
	return opaque{text: name + " …", ends: !conditions[name], blind: conditions[name]}
}

func decodeMeta(a *attributes) expression {
	key := a.number(unix.NFTA_META_KEY)
	if a.has(unix.NFTA_META_SREG) {
		source := a.register(unix.NFTA_META_SREG, 4)
		if key == metaMark {
			return markPacket{source}
		}
		return idle{text: "meta set …"}
	}
	f := metaField(key)
	return load{a.register(unix.NFTA_META_DREG, f.bytes), f}
}

func decodeCt(a *attributes) expression {
	key := a.number(unix.NFTA_CT_KEY)
	if a.has(unix.NFTA_CT_SREG) && key == ctMark {
		return markConnection{a.register(unix.NFTA_CT_SREG, 4)}
	}
	if a.has(unix.NFTA_CT_SREG) {
		return idle{text: "ct set …"}
	}
	f := ctField(key)
	return load{a.register(unix.NFTA_CT_DREG, 1), f}
}

func decodePayload(a *attributes) expression {
	l := layer(a.number(unix.NFTA_PAYLOAD_BASE))
	offset, n := int(a.number(unix.NFTA_PAYLOAD_OFFSET)), a.length(unix.NFTA_PAYLOAD_LEN)
	if a.has(unix.NFTA_PAYLOAD_SREG) {
		return rewrite{place{l, offset, n}, a.register(unix.NFTA_PAYLOAD_SREG, n)}
	}
	return load{a.register(unix.NFTA_PAYLOAD_DREG, n), payloadField(l, offset, n)}
}

// Headers that exthdr looks for beside those of IPv6 (enum nft_exthdr_op).
const exthdrIPv4 = 2

func decodeExthdr(a *attributes) expression {
	if !a.has(unix.NFTA_EXTHDR_DREG) {
		return absent{"exthdr …"} // changes or takes away what is not there
	}
	kind := a.optional(unix.NFTA_EXTHDR_OP)
	return exthdr{
		register: a.register(unix.NFTA_EXTHDR_DREG, 1),
		exists:   a.optional(unix.NFTA_EXTHDR_FLAGS)&unix.NFT_EXTHDR_F_PRESENT != 0,
		ofIPv4:   kind == exthdrIPv4,
		ofIPv6:   kind == unix.NFT_EXTHDR_OP_IPV6,
	}
}

func decodeFib(a *attributes) expression {
	f := fibField(a.number(unix.NFTA_FIB_RESULT), a.number(unix.NFTA_FIB_FLAGS))
	return load{a.register(unix.NFTA_FIB_DREG, 1), f}
}
