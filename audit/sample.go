package audit

import (
	"encoding/binary"
	"net/netip"

	"ptbrelay/classify"
)

// sample is what the networks keep of one message. It holds no pointer, so that a
// queue of them costs the garbage collector nothing.
type sample struct {
	source [16]byte // outer source, IPv4 as v4-mapped
	mtu    uint32   // bytes; 0: it says none
	family classify.Family
	from   mac
}

// mac is the Ethernet source of a frame, zero where it is not known.
type mac = [6]byte

func (s *sample) address() netip.Addr { return netip.AddrFrom16(s.source).Unmap() }

// Lengths of the prefixes that messages are counted by: the longest that most
// networks route by.
const (
	prefixBits4 = 24
	prefixBits6 = 48
)

// prefixIsIPv4 marks the keys of IPv4 prefixes.
const prefixIsIPv4 = 1 << 63

// prefixKey packs the source's prefix.
func (s *sample) prefixKey() uint64 {
	if s.family == classify.IPv4 {
		return prefixIsIPv4 | uint64(binary.BigEndian.Uint32(s.source[12:])>>(32-prefixBits4))
	}
	return binary.BigEndian.Uint64(s.source[:]) >> (64 - prefixBits6)
}

// prefixOf unpacks a prefix.
func prefixOf(key uint64) netip.Prefix {
	if key&prefixIsIPv4 != 0 {
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], uint32(key)<<(32-prefixBits4))
		return netip.PrefixFrom(netip.AddrFrom4(a), prefixBits4)
	}
	var a [16]byte
	binary.BigEndian.PutUint64(a[:], key<<(64-prefixBits6))
	return netip.PrefixFrom(netip.AddrFrom16(a), prefixBits6)
}

// macKey packs an Ethernet address.
func macKey(m mac) uint64 {
	return uint64(binary.BigEndian.Uint16(m[:]))<<32 | uint64(binary.BigEndian.Uint32(m[2:]))
}

// macOf unpacks one.
func macOf(key uint64) (m mac) {
	binary.BigEndian.PutUint16(m[:], uint16(key>>32))
	binary.BigEndian.PutUint32(m[2:], uint32(key))
	return m
}
