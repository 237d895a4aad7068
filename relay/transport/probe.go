package transport

import (
	"encoding/binary"
	"net/netip"
)

// The payload of a probe:
//
//	| n (1 byte) | n service addresses, 16 bytes each |
//
// and of a receipt:
//
//	| session of the probe (16 bytes) | its counter (8 bytes, big endian) |
//	| delivers (1 byte) | n (1 byte) | n service addresses, 16 bytes each |
//
// A probe asks which of at most 32 service addresses are not local to the peer,
// and a receipt names them. IPv4 addresses are in their IPv6 form (RFC 4291
// §2.5.5.2). delivers is 0 where the peer injects what we send, 1 where it would
// but for its dry run, 2 where it is paused. What follows is ignored, for a later
// version to use; a payload that is too short is ignored as a whole.

// MaxProbeVIPs is how many service addresses one probe can ask about.
const MaxProbeVIPs = 32

const (
	addressSize = 16
	receiptSize = sessionSize + 8 + 1
)

// Delivers says what a peer does with the PTBs that it gets.
type Delivers uint8

// The closed set. What a newer version may answer beside it prints as "unknown".
const (
	DeliversYes Delivers = iota
	DeliversDryRun
	DeliversPaused
)

// String returns "yes", "dry-run", "paused" or "unknown".
func (d Delivers) String() string {
	switch d {
	case DeliversYes:
		return "yes"
	case DeliversDryRun:
		return "dry-run"
	case DeliversPaused:
		return "paused"
	}
	return "unknown"
}

// Answer is what a peer says of itself when it is probed.
type Answer struct {
	Delivers Delivers
	// Missing are those of the VIPs asked about that are not local there.
	Missing []netip.Addr
}

// receipt is the payload of one.
type receipt struct {
	session session
	counter uint64
	answer  Answer
}

// append appends the payload.
func (r *receipt) append(dst []byte) []byte {
	dst = append(dst, r.session[:]...)
	dst = binary.BigEndian.AppendUint64(dst, r.counter)
	dst = append(dst, byte(r.answer.Delivers))
	return appendAddresses(dst, r.answer.Missing)
}

// parseReceipt reads the payload of a receipt.
func parseReceipt(b []byte) (r receipt, ok bool) {
	if len(b) < receiptSize {
		return r, false
	}
	r.session = session(b)
	r.counter = binary.BigEndian.Uint64(b[sessionSize:])
	r.answer.Delivers = Delivers(b[sessionSize+8])
	r.answer.Missing, ok = parseAddresses(b[receiptSize:])
	return r, ok
}

// appendAddresses appends the payload of a probe, or the end of a receipt's. Of
// more than [MaxProbeVIPs] the rest is left out.
func appendAddresses(dst []byte, addresses []netip.Addr) []byte {
	addresses = addresses[:min(len(addresses), MaxProbeVIPs)]
	dst = append(dst, byte(len(addresses)))
	for _, a := range addresses {
		b := a.As16()
		dst = append(dst, b[:]...)
	}
	return dst
}

// parseAddresses reads what appendAddresses wrote.
func parseAddresses(b []byte) (addresses []netip.Addr, ok bool) {
	if len(b) == 0 || int(b[0]) > MaxProbeVIPs || len(b) < 1+int(b[0])*addressSize {
		return nil, false
	}
	for i := range int(b[0]) {
		a := [addressSize]byte(b[1+i*addressSize:])
		addresses = append(addresses, netip.AddrFrom16(a).Unmap())
	}
	return addresses, true
}
