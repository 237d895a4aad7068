package firewall

import "golang.org/x/sys/unix"

// register is where in the registers' room a value of n bytes lies: four registers
// of 16 bytes, or 16 of four (enum nft_registers).
func (a *attributes) register(kind uint16, n int) int {
	at := -1
	switch r := int(a.number(kind)); {
	case r >= unix.NFT_REG_1 && r <= unix.NFT_REG_4:
		at = (r - unix.NFT_REG_1) * 16
	case r >= unix.NFT_REG32_00 && r <= unix.NFT_REG32_15:
		at = (r - unix.NFT_REG32_00) * 4
	}
	if at < 0 || n < 0 || at+n > registerBytes {
		a.fail(kind)
		return 0
	}
	return at
}

// length is a number of bytes that registers hold.
func (a *attributes) length(kind uint16) int {
	n := a.number(kind)
	if n == 0 || n > registerBytes {
		a.fail(kind)
		return 0
	}
	return int(n)
}

// value is data for registers.
func (a *attributes) value(kind uint16) []byte {
	b := a.nest(kind).bytes(unix.NFTA_DATA_VALUE)
	if len(b) == 0 || len(b) > registerBytes {
		a.fail(kind)
	}
	return b
}

// verdict is a verdict where data may be one; ok is false where it is data.
func (a *attributes) verdict(kind uint16) (v verdict, ok bool) {
	data := a.nest(kind)
	if !data.has(unix.NFTA_DATA_VERDICT) {
		return verdict{}, false
	}
	n := data.nest(unix.NFTA_DATA_VERDICT)
	v.kind = decodeVerdict(int32(n.number(unix.NFTA_VERDICT_CODE)))
	if v.kind == verdictJump || v.kind == verdictGoto {
		v.chain = n.text(unix.NFTA_VERDICT_CHAIN)
	}
	if a.err == nil {
		a.err = data.err
	}
	if a.err == nil {
		a.err = n.err
	}
	return v, true
}

// Verdicts of netfilter itself (linux/netfilter.h); the upper half of a queue's is
// its number.
const (
	nfDrop   = 0
	nfAccept = 1
	nfMask   = 0xff
)

func decodeVerdict(code int32) verdictKind {
	switch code {
	case unix.NFT_CONTINUE:
		return verdictContinue
	case unix.NFT_BREAK:
		return verdictBreak
	case unix.NFT_JUMP:
		return verdictJump
	case unix.NFT_GOTO:
		return verdictGoto
	case unix.NFT_RETURN:
		return verdictReturn
	}
	switch code & nfMask {
	case nfDrop:
		return verdictDrop
	case nfAccept:
		return verdictAccept
	}
	return verdictElsewhere
}
