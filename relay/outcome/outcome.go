// Package outcome is the closed set of answers to "what did we do with it":
// Outcome for an eligible message from the wire, Delivery for one from a peer,
// and their names as metric labels.
//
// It is not responsible for what a packet *is*: that is classify.Verdict. Nor
// for counting: relay does.
package outcome

// Outcome is what became of one eligible message that came from the wire.
// Every such message ends in exactly one.
type Outcome uint8

// The outcomes. Admission decides Duplicate, Limited… and Deferred, the settings in
// force DryRun and Paused, the transport the rest.
const (
	// Relayed: the kernel took at least one copy.
	Relayed Outcome = iota
	// DryRun: admitted, and not sent because dry_run is on.
	DryRun
	// Paused: admitted, and not sent because the daemon is paused.
	Paused
	// Duplicate: the same flow and MTU was admitted within its window.
	Duplicate
	// LimitedClient: the bucket of the client's prefix had no token left for a
	// flow of its level (package admit).
	LimitedClient
	// LimitedRouter: the same of the router's prefix.
	LimitedRouter
	// LimitedNode: this node's bucket had no token left even for a comeback.
	LimitedNode
	// Deferred: this node's bucket turned away a flow seen for the first time.
	Deferred
	// QueueFull: the transport's ring had no free slot.
	QueueFull
	// NoPeers: there was nobody to send to.
	NoPeers
	// SendFailed: the kernel took none of the copies.
	SendFailed

	// NumOutcomes is for arrays indexed by Outcome.
	NumOutcomes
)

var names = [NumOutcomes]string{
	Relayed:       "relayed",
	DryRun:        "dry-run",
	Paused:        "paused",
	Duplicate:     "duplicate",
	LimitedClient: "limited-client",
	LimitedRouter: "limited-router",
	LimitedNode:   "limited-node",
	Deferred:      "deferred",
	QueueFull:     "queue-full",
	NoPeers:       "no-peers",
	SendFailed:    "send-failed",
}

// String is the outcome's name, which is also its metric label.
func (o Outcome) String() string {
	if o < NumOutcomes {
		return names[o]
	}
	return "invalid"
}
