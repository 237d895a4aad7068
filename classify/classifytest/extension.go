package classifytest

import "encoding/binary"

// Extension is one IPv6 extension header. Its first byte, the next header, is
// filled in when it is put into a packet.
type Extension struct {
	Number uint8 // of this header itself
	Bytes  []byte
}

// HopByHop returns a hop-by-hop header with a router alert (RFC 2711).
func HopByHop() Extension {
	return Extension{0, []byte{0, 0, 5, 2, 0, 0, 1, 0}}
}

// Jumbo returns a hop-by-hop header with a jumbo payload option (RFC 2675).
func Jumbo(length uint32) Extension {
	return Extension{0, binary.BigEndian.AppendUint32([]byte{0, 0, 0xc2, 4}, length)}
}

// Routing returns a routing header of an experimental type (RFC 4727) with
// room for one address.
func Routing(segmentsLeft uint8) Extension {
	h := make([]byte, 24)
	h[1], h[2], h[3] = 2, 253, segmentsLeft
	return Extension{43, h}
}

// Fragment returns a fragment header; offset is in units of 8 bytes. Offset 0
// without more makes an atomic fragment (RFC 6946).
func Fragment(offset uint16, more bool) Extension {
	word := offset << 3
	if more {
		word |= 1
	}
	h := make([]byte, 8)
	binary.BigEndian.PutUint16(h[2:], word)
	h[7] = 0x99
	return Extension{44, h}
}

// DestinationOptions returns a header of units·8 bytes, 1 to 33 units, full of
// PadN options (RFC 8200 §4.2).
func DestinationOptions(units int) Extension {
	h := make([]byte, 8*units)
	h[1] = byte(units - 1)
	for rest := h[2:]; len(rest) > 0; {
		size := min(len(rest), 255)
		if len(rest)-size == 1 {
			size-- // a last single byte would have to be Pad1
		}
		rest[0], rest[1] = 1, byte(size-2)
		rest = rest[size:]
	}
	return Extension{60, h}
}

// Authentication returns an authentication header with 12 bytes of ICV, 24
// bytes in all (RFC 4302 §2).
func Authentication() Extension {
	h := make([]byte, 24)
	h[1] = 4
	h[7], h[11] = 1, 1 // SPI, sequence number
	return Extension{51, h}
}

// Opaque returns a header that is no extension header, for the end of a chain.
func Opaque(number uint8) Extension {
	return Extension{number, []byte{0, 0, 1, 4, 0, 0, 0, 0}}
}
