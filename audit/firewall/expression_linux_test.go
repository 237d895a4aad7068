package firewall

import (
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// value is data for registers.
func value(kind uint16, b ...byte) netlink.Attribute {
	return nest(kind, netlink.Attribute{Type: unix.NFTA_DATA_VALUE, Data: b})
}

// expressionOf is what is read of one.
func expressionOf(name string, data ...netlink.Attribute) expression {
	return decodeExpression(marshal(text(unix.NFTA_EXPR_NAME, name), nest(unix.NFTA_EXPR_DATA, data...)))
}

// bitwiseOf is the operation on four bytes of one register, for another one.
func bitwiseOf(op bitOperator, more ...netlink.Attribute) expression {
	return expressionOf("bitwise", append([]netlink.Attribute{
		number(unix.NFTA_BITWISE_LEN, 4), number(bitwiseOp, uint32(op)),
		number(unix.NFTA_BITWISE_SREG, unix.NFT_REG32_00), number(unix.NFTA_BITWISE_DREG, unix.NFT_REG32_02),
	}, more...)...)
}

// What expressions that few rules have are told as, whether a rule goes on behind them
// for a PTB, and whether it may end there.
func TestDecodeExpression(t *testing.T) {
	const register = unix.NFT_REG32_00
	for _, c := range []struct {
		what string
		x    expression
		told string
		goes match
		ends bool
	}{
		{"to a program", expressionOf("queue"), "…", yes, true},
		{"to another interface", expressionOf("fwd"), "…", yes, true},
		{"a copy", expressionOf("dup"), "dup", yes, false},
		{"time of use", expressionOf("last"), "", yes, false},
		{"for TCP and UDP", expressionOf("tproxy"), "tproxy", no, false},
		{"for TCP", expressionOf("synproxy"), "synproxy", no, false},
		{"condition", expressionOf("limit"), "limit …", maybe, false},
		{"not known", expressionOf("frobnicate"), "frobnicate …", maybe, true},
		{"label of the connection", expressionOf("ct", number(unix.NFTA_CT_KEY, 13), number(unix.NFTA_CT_SREG, register)), "ct set …", yes, false},
		{"priority", expressionOf("meta", number(unix.NFTA_META_KEY, 2), number(unix.NFTA_META_SREG, register)), "meta set …", yes, false},
		{"object of a map", expressionOf("objref"), "objref …", maybe, false},
		{"object: synproxy", expressionOf("objref", number(unix.NFTA_OBJREF_IMM_TYPE, 10)), "synproxy", no, false},
		{"object: counter", expressionOf("objref", number(unix.NFTA_OBJREF_IMM_TYPE, 1)), "", yes, false},

		{"no data", expressionOf("cmp", number(unix.NFTA_CMP_SREG, register), number(unix.NFTA_CMP_OP, 0)), "cmp …", maybe, true},
		{"data too long", expressionOf("cmp", number(unix.NFTA_CMP_SREG, register), number(unix.NFTA_CMP_OP, 0),
			value(unix.NFTA_CMP_DATA, make([]byte, registerBytes+1)...)), "cmp …", maybe, true},
		{"no such register", expressionOf("immediate", number(unix.NFTA_IMMEDIATE_DREG, 99), value(unix.NFTA_IMMEDIATE_DATA, 1)), "immediate …", maybe, true},
		{"no bytes", expressionOf("payload", number(unix.NFTA_PAYLOAD_BASE, 1), number(unix.NFTA_PAYLOAD_OFFSET, 0),
			number(unix.NFTA_PAYLOAD_LEN, 0), number(unix.NFTA_PAYLOAD_DREG, register)), "payload …", maybe, true},
		{"bounds of two lengths", expressionOf("range", number(unix.NFTA_RANGE_SREG, register), number(unix.NFTA_RANGE_OP, 0),
			value(unix.NFTA_RANGE_FROM_DATA, 1), value(unix.NFTA_RANGE_TO_DATA, 2, 0)), "range …", maybe, true},
		{"shift by 32", bitwiseOf(bitShiftLeft, value(bitwiseData, host32(32)...)), "bitwise …", maybe, true},
		{"no such operation", bitwiseOf(9), "bitwise …", maybe, true},
		{"mask of two bytes", bitwiseOf(0, value(unix.NFTA_BITWISE_MASK, 1, 2), value(unix.NFTA_BITWISE_XOR, 1, 2)), "bitwise …", maybe, true},
		{"data of two bytes", bitwiseOf(bitOr, value(bitwiseData, 1, 2)), "bitwise …", maybe, true},
	} {
		r := run{state: state{reached: true, track: related, markKnown: ^uint32(0)}, table: &table{}}
		goes := c.x.eval(&r)
		told := c.x.tell(&speech{labels: make(map[int]label)})
		if told != c.told || goes != c.goes || len(r.verdicts) > 0 != c.ends {
			t.Errorf("%s: %q, goes on %v, verdicts %v; want %q, %v, ends %v", c.what, told, goes, r.verdicts, c.told, c.goes, c.ends)
		}
	}
}

// Registers are combined with data or with one another (kernel 6.13).
func TestDecodeCombination(t *testing.T) {
	second := number(bitwiseSecond, unix.NFT_REG32_01)
	data := value(bitwiseData, host32(0xff00)...)
	for _, c := range []struct {
		x    expression
		want uint32
		told string
	}{
		{bitwiseOf(bitAnd, data), 0x5600, "meta mark & 0xff00"},
		{bitwiseOf(bitOr, data), 0x1234ff78, "meta mark | 0xff00"},
		{bitwiseOf(bitXor, data), 0x1234a978, "meta mark ^ 0xff00"},
		{bitwiseOf(bitAnd, second), 0x02040608, "meta mark & ct mark"},
		{bitwiseOf(bitOr, second), 0x1f3f5f7f, "meta mark | ct mark"},
		{bitwiseOf(bitXor, second), 0x1d3b5977, "meta mark ^ ct mark"},
		{bitwiseOf(bitShiftLeft, value(bitwiseData, host32(8)...)), 0x34567800, "meta mark << 8"},
		{bitwiseOf(bitShiftRight, value(bitwiseData, host32(8)...)), 0x123456, "meta mark >> 8"},
	} {
		var r run
		r.put(0, constant(host32(0x12345678, 0x0f0f0f0f)...))
		c.x.eval(&r)
		if got := r.get(8, 4); got.equals(host32(c.want)) != yes {
			t.Errorf("%s: %+v, want %#x", c.told, got, c.want)
		}
		s := speech{labels: make(map[int]label)}
		s.name(0, metaField(metaMark))
		s.name(4, ctField(ctMark))
		c.x.tell(&s)
		if got := s.value(8); got != c.told {
			t.Errorf("told as %q, want %q", got, c.told)
		}
	}
}
