//go:build linux

package labtest

// Where a datagram of transport udp has what, and sizes, in bytes: as the
// documentation of relay/transport specifies its envelope, not as its code has it.
const (
	EnvelopeType    = 1
	EnvelopeKeyID   = 3
	EnvelopeSession = 4
	EnvelopeCounter = 20
	EnvelopeMillis  = 28
	EnvelopeHeader  = 36 // the size of all that
	EnvelopeTag     = 16 // behind the sealed packet
)
