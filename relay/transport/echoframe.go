package transport

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/net/bpf"
)

// echoEtherType is IEEE 802's first one for local experiments; others may use it
// too, hence the magic.
const echoEtherType = 0x88b5

const (
	echoMagic  = "ptbrelay"
	echoAsk    = 1
	echoAnswer = 2
	echoLength = 60 // Ethernet's least without its checksum
)

// nonce ties answers to the ask.
type nonce [16]byte

var broadcastMAC = [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// echoFrame is an ask, broadcast, or the answer to one, unicast:
//
//	| to 6 | from 6 | 0x88b5 | "ptbrelay" | version 1 | kind | 2 zero | nonce 16 | unix ms, 8, big endian | zeros to 60 |
//
// Kind 1 asks, 2 answers with the ask's nonce; ms is the sender's clock. Nothing
// is authenticated: the answer gives away that a daemon runs, and its clock.
type echoFrame struct {
	to, from [6]byte
	kind     byte
	nonce    nonce
	ms       int64
}

// Offsets in an echo frame.
const (
	echoType    = 12
	echoText    = 14
	echoVersion = 22
	echoKind    = 23
	echoNonce   = 26
	echoMs      = 42
	echoEnd     = 50
)

func (f echoFrame) bytes() []byte {
	b := make([]byte, echoLength)
	copy(b, f.to[:])
	copy(b[6:], f.from[:])
	binary.BigEndian.PutUint16(b[echoType:], echoEtherType)
	copy(b[echoText:], echoMagic)
	b[echoVersion], b[echoKind] = 1, f.kind
	copy(b[echoNonce:], f.nonce[:])
	binary.BigEndian.PutUint64(b[echoMs:], uint64(f.ms))
	return b
}

// parseEcho reads a frame; bytes after what version 1 knows are ignored.
func parseEcho(b []byte) (f echoFrame, ok bool) {
	if len(b) < echoEnd || binary.BigEndian.Uint16(b[echoType:]) != echoEtherType ||
		!bytes.Equal(b[echoText:echoVersion], []byte(echoMagic)) || b[echoVersion] != 1 {
		return f, false
	}
	return echoFrame{
		to: [6]byte(b), from: [6]byte(b[6:]), kind: b[echoKind],
		nonce: nonce(b[echoNonce:]), ms: int64(binary.BigEndian.Uint64(b[echoMs:])),
	}, true
}

// isEcho lets echo frames of any version through.
var isEcho = []bpf.Instruction{
	bpf.LoadAbsolute{Off: echoType, Size: 2},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: echoEtherType, SkipTrue: 5},
	bpf.LoadAbsolute{Off: echoText, Size: 4},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: magicWord(0), SkipTrue: 3},
	bpf.LoadAbsolute{Off: echoText + 4, Size: 4},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: magicWord(4), SkipTrue: 1},
	bpf.RetConstant{Val: 1<<32 - 1},
	bpf.RetConstant{Val: 0},
}

func magicWord(at int) uint32 { return binary.BigEndian.Uint32([]byte(echoMagic)[at:]) }
