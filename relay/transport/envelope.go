package transport

import "encoding/binary"

// MaxPacket is the length of the longest packet that an envelope carries, in
// bytes: the smallest MTU of IPv6, and what an ICMPv6 error may have at most
// (RFC 4443 §2.4 (c)).
const MaxPacket = 1280

const (
	envelopeVersion = 1
	headerSize      = 36
	tagSize         = 16
	nonceSize       = 12
	minDatagram     = headerSize + tagSize
	maxDatagram     = headerSize + MaxPacket + tagSize
)

// Offsets in the header, in bytes.
const (
	headerVersion = 0
	headerType    = 1
	headerKeyID   = 3
	headerSession = 4
	headerCounter = 20
	headerMillis  = 28
)

// header is the open part of an envelope, which is authenticated too.
type header struct {
	kind    Type
	keyID   byte
	session session
	counter uint64
	millis  uint64 // since 1970
}

// append appends the header as version 1 writes it, reserved byte 0.
func (h *header) append(dst []byte) []byte {
	dst = append(dst, envelopeVersion, byte(h.kind), 0, h.keyID)
	dst = append(dst, h.session[:]...)
	dst = binary.BigEndian.AppendUint64(dst, h.counter)
	return binary.BigEndian.AppendUint64(dst, h.millis)
}

// parseHeader reads a header of version 1 from at least headerSize bytes.
func parseHeader(b []byte) header {
	return header{
		kind:    Type(b[headerType]),
		keyID:   b[headerKeyID],
		session: session(b[headerSession:]),
		counter: binary.BigEndian.Uint64(b[headerCounter:]),
		millis:  binary.BigEndian.Uint64(b[headerMillis:]),
	}
}

// gcmNonce is the AES-GCM nonce of one datagram.
type gcmNonce [nonceSize]byte

// set makes n the nonce of a datagram with this header: the low 32 bits of its
// milliseconds, then its counter. The counter alone never repeats within a
// session; the time is for the sender that does not know that it lives twice,
// restored from a snapshot.
func (n *gcmNonce) set(h *header) {
	binary.BigEndian.PutUint32(n[:], uint32(h.millis))
	binary.BigEndian.PutUint64(n[4:], h.counter)
}
