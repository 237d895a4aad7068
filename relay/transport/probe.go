package transport

import (
	"encoding/binary"
	"net/netip"
)

// The payloads of probe and receipt are specified in the package documentation.

// MaxProbeVIPs is how many VIPs one probe can ask about.
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

// probePayload asks about these VIPs. It is as long as the longest packet: a path
// that carries the probe carries every copy, and a receipt is never longer than
// what it answers.
func probePayload(vips []netip.Addr) []byte {
	b := appendAddresses(make([]byte, 0, MaxPacket), vips)
	return b[:MaxPacket]
}

// appendAddresses appends the addresses of a probe, or the end of a receipt. Of
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
