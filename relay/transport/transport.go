package transport

import (
	"time"

	"ptbrelay/classify"
)

// Result is what the transport made of one message.
type Result uint8

const (
	// Failed: the kernel took no copy.
	Failed Result = iota
	// Sent: the kernel took at least one copy.
	Sent
	// NoPeers: there was nobody to send to.
	NoPeers
	// QueueFull: the ring had no free slot.
	QueueFull
	// Queued: the ring has it; [Done] will be told Sent or Failed.
	Queued
)

// Done is told what became of a message that Send had queued: Sent or Failed,
// when the last of its copies was handed to the kernel. read is what Send was
// given. The message is valid until Done returns and has no Packet and no ICMP.
type Done func(read time.Time, m *classify.Message, r Result)

// Stats counts since the transport was made. Each message counts one copy or one
// error for each peer (or interface).
type Stats struct {
	Copies, Errors uint64
}
