package relay

import (
	"ptbrelay/classify"
	"ptbrelay/relay/admit"
)

// Settings is what can change while the relay runs. A value is never changed
// once it is in force, only replaced; what the tables remember survives.
type Settings struct {
	Policy classify.Policy
	Limits admit.Limits
	// DryRun judges and counts, and does not send.
	DryRun bool
	// Paused stops sending for a while.
	Paused bool
}
