package classify

import (
	"encoding/binary"
	"math/bits"
)

// Checksum returns the Internet checksum of b (RFC 1071), to be written in
// network order. Over bytes that already hold a right checksum it is 0. It
// serves ICMP messages and IPv4 headers.
func Checksum(b []byte) uint16 {
	return finish(sum(0, b))
}

// ChecksumICMPv6 returns the checksum of an ICMPv6 message with the pseudo
// header (RFC 4443 §2.3, RFC 8200 §8.1) of its IPv6 header, of which the first
// 40 bytes are used. Over a message that holds a right checksum it is 0.
//
// The destination of the pseudo header is the one in the IPv6 header, which is
// right unless a routing header has segments left; the decoder refuses those.
func ChecksumICMPv6(header, message []byte) uint16 {
	s := sum(0, header[8:40]) // source and destination
	s = add(s, uint64(bits.ReverseBytes32(uint32(len(message)))))
	s = add(s, uint64(bits.ReverseBytes32(uint32(protocolICMPv6))))
	return finish(sum(s, message))
}

// sum adds b to a ones' complement sum in 64 bits. The words are read as
// little endian, which saves a byte swap a load: the sum of swapped words is
// the swapped sum (RFC 1071 §2 (B)), and finish swaps once. Four words a round
// with one carry chain; an odd last byte is padded with zero.
func sum(s uint64, b []byte) uint64 {
	var carry uint64
	for len(b) >= 32 {
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b), 0)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b[8:]), carry)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b[16:]), carry)
		s, carry = bits.Add64(s, binary.LittleEndian.Uint64(b[24:]), carry)
		s += carry // cannot wrap: no step of the chain both carries and leaves all ones
		b = b[32:]
	}
	for len(b) >= 8 {
		s = add(s, binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	if len(b) > 0 {
		var tail uint64
		for i, v := range b {
			tail |= uint64(v) << (8 * i)
		}
		s = add(s, tail)
	}
	return s
}

// add is ones' complement addition: the carry comes back in (RFC 1071 §1).
func add(a, b uint64) uint64 {
	s, carry := bits.Add64(a, b, 0)
	return s + carry
}

// finish folds the sum to 16 bits, complements it and puts it in host order.
func finish(s uint64) uint16 {
	s = s>>32 + s&0xffffffff
	s = s>>32 + s&0xffffffff
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	return ^bits.ReverseBytes16(uint16(s))
}
