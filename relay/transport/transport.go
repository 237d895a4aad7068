package transport

import "ptbrelay/classify"

// Item is one PTB to be copied: the whole IP packet, verbatim.
type Item struct {
	Packet []byte
	Family classify.Family
}

// Result is what the transport made of one item.
type Result uint8

const (
	// Failed: the kernel took no copy.
	Failed Result = iota
	// Sent: the kernel took at least one copy.
	Sent
	// NoPeers: there was nobody to send to.
	NoPeers
)

// Stats counts since the transport was made. Each item counts one copy or one
// error for each peer (or interface).
type Stats struct {
	Copies, Errors uint64
}
