package host

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

const (
	attributeHeader = unix.SizeofRtAttr
	attributeKinds  = 1<<14 - 1 // NLA_TYPE_MASK: without the flags of linux/netlink.h
)

var errAttribute = errors.New("attribute of wrong length")

// attributes walks over a message's attributes in place, where
// netlink.AttributeDecoder copies each.
type attributes struct {
	rest  []byte
	kind  uint16
	value []byte
	err   error
}

// next goes to the first or next attribute; at the end and on an error it is
// false.
func (a *attributes) next() bool {
	if len(a.rest) == 0 || a.err != nil {
		return false
	}
	if len(a.rest) < attributeHeader {
		a.err = errAttribute
		return false
	}
	length := int(binary.NativeEndian.Uint16(a.rest))
	if length < attributeHeader || length > len(a.rest) {
		a.err = errAttribute
		return false
	}
	a.kind = binary.NativeEndian.Uint16(a.rest[2:]) & attributeKinds
	a.value = a.rest[attributeHeader:length]
	a.rest = a.rest[min(align(length), len(a.rest)):]
	return true
}

// number reads a value of four bytes.
func (a *attributes) number() uint32 {
	if len(a.value) != 4 {
		a.err = errAttribute
		return 0
	}
	return binary.NativeEndian.Uint32(a.value)
}

// align is where the next attribute begins.
func align(length int) int { return (length + 3) &^ 3 }

// appendAttribute appends a struct rtattr with its padding.
func appendAttribute(b []byte, kind uint16, value ...byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(attributeHeader+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	for range align(len(value)) - len(value) {
		b = append(b, 0)
	}
	return b
}
