package capture

import (
	"context"
	"time"
)

// Packet is one captured packet.
type Packet struct {
	// Data starts at the IP header. It aliases the source's buffer and is valid
	// until the handler returns: whoever keeps bytes copies them.
	Data []byte
	// From is the Ethernet address that the frame came from: the last router on
	// the way. Zero where the source does not know it.
	From [6]byte
}

// Handler takes a batch of at most MaxBatch packets, in the order of arrival,
// and when they were read: those of a file, when they were captured. It runs on
// the goroutine of Run; while it does, the kernel queues.
type Handler func(read time.Time, batch []Packet)

// MaxBatch is the largest batch a handler gets.
const MaxBatch = 256

// Source captures packets until its context ends.
type Source interface {
	// Run blocks. After the context ended it hands over what the kernel still
	// holds, for a bounded time, or the batch at hand of a file, and returns nil.
	Run(context.Context, Handler) error
	// Stats may be called from any goroutine at any time.
	Stats() Stats
	// Close releases the source. Run must have returned or never been called.
	Close() error
}

// Stats counts since the source was opened.
type Stats struct {
	// Overrun and Gap count messages that the kernel numbered and we never got:
	// Overrun where our receive buffer had been full, Gap where it had not.
	Overrun, Gap uint64
}
