package firewall

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

func decodeCompare(a *attributes) expression {
	data := a.value(unix.NFTA_CMP_DATA)
	return compare{a.register(unix.NFTA_CMP_SREG, len(data)), operator(a.number(unix.NFTA_CMP_OP)), data}
}

func decodeRange(a *attributes) expression {
	from, to := a.value(unix.NFTA_RANGE_FROM_DATA), a.value(unix.NFTA_RANGE_TO_DATA)
	if len(from) != len(to) {
		a.fail(unix.NFTA_RANGE_TO_DATA)
	}
	return inRange{
		register: a.register(unix.NFTA_RANGE_SREG, len(from)),
		not:      a.number(unix.NFTA_RANGE_OP) == unix.NFT_RANGE_NEQ,
		from:     from, to: to,
	}
}

// Attributes of bitwise that golang.org/x/sys/unix lacks. The operation 0 is mask and
// xor.
const (
	bitwiseOp     = 6 // NFTA_BITWISE_OP
	bitwiseData   = 7 // NFTA_BITWISE_DATA
	bitwiseSecond = 8 // NFTA_BITWISE_SREG2
)

func decodeBitwise(a *attributes) expression {
	n := a.length(unix.NFTA_BITWISE_LEN)
	source, register := a.register(unix.NFTA_BITWISE_SREG, n), a.register(unix.NFTA_BITWISE_DREG, n)
	switch op := bitOperator(a.optional(bitwiseOp)); op {
	case bitShiftLeft, bitShiftRight:
		by := a.nest(bitwiseData).bytes(unix.NFTA_DATA_VALUE)
		if len(by) != 4 || binary.NativeEndian.Uint32(by) > 31 {
			a.fail(bitwiseData)
			return nil
		}
		return shifted{source, register, n, op == bitShiftLeft, int(binary.NativeEndian.Uint32(by))}
	case bitAnd, bitOr, bitXor:
		return decodeBoolean(a, boolean{source: source, register: register, bytes: n, operator: op})
	case 0:
	default:
		a.fail(bitwiseOp)
	}
	x := bitwise{
		source: source, register: register,
		maskBits: a.value(unix.NFTA_BITWISE_MASK), xor: a.value(unix.NFTA_BITWISE_XOR),
	}
	if len(x.maskBits) != n || len(x.xor) != n {
		a.fail(unix.NFTA_BITWISE_MASK)
	}
	return x
}

func decodeBoolean(a *attributes, x boolean) expression {
	if a.has(bitwiseSecond) {
		x.second = a.register(bitwiseSecond, x.bytes)
		return x
	}
	if x.data = a.value(bitwiseData); len(x.data) != x.bytes {
		a.fail(bitwiseData)
	}
	return x
}

func decodeByteorder(a *attributes) expression {
	n := a.length(unix.NFTA_BYTEORDER_LEN)
	return byteorder{
		source:   a.register(unix.NFTA_BYTEORDER_SREG, n),
		register: a.register(unix.NFTA_BYTEORDER_DREG, n),
		bytes:    n, size: a.length(unix.NFTA_BYTEORDER_SIZE),
	}
}

func decodeLookup(a *attributes) expression {
	x := lookup{
		set:    a.text(unix.NFTA_LOOKUP_SET),
		source: a.register(unix.NFTA_LOOKUP_SREG, 1),
		not:    a.optional(unix.NFTA_LOOKUP_FLAGS)&unix.NFT_LOOKUP_F_INV != 0,
	}
	switch {
	case !a.has(unix.NFTA_LOOKUP_DREG):
	case a.number(unix.NFTA_LOOKUP_DREG) == unix.NFT_REG_VERDICT:
		x.target = targetVerdict
	default:
		x.target, x.register = targetData, a.register(unix.NFTA_LOOKUP_DREG, 1)
	}
	return x
}

func decodeImmediate(a *attributes) expression {
	if v, ok := a.verdict(unix.NFTA_IMMEDIATE_DATA); ok {
		return decision{v}
	}
	data := a.value(unix.NFTA_IMMEDIATE_DATA)
	return assign{a.register(unix.NFTA_IMMEDIATE_DREG, len(data)), data}
}

// decodeObject reads the use of a named object. Counters, helpers and the like let
// every packet go on.
func decodeObject(a *attributes) expression {
	const (
		quota     = 2
		limit     = 4
		connlimit = 5
		synproxy  = 10
	)
	if !a.has(unix.NFTA_OBJREF_IMM_TYPE) {
		return opaque{text: "objref …", blind: true} // one of a map
	}
	switch a.number(unix.NFTA_OBJREF_IMM_TYPE) {
	case quota, limit, connlimit:
		return opaque{text: "objref …", blind: true}
	case synproxy:
		return absent{"synproxy"}
	}
	return idle{}
}

func decodeMatch(a *attributes) expression {
	return decodeExtension(a.text(unix.NFTA_MATCH_NAME), a.number(unix.NFTA_MATCH_REV), a.bytes(unix.NFTA_MATCH_INFO))
}

func decodeXtTarget(a *attributes) expression {
	return decodeTarget(a.text(unix.NFTA_TARGET_NAME), a.number(unix.NFTA_TARGET_REV), a.bytes(unix.NFTA_TARGET_INFO))
}
