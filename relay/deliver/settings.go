package deliver

import (
	"ptbrelay/classify"
	"ptbrelay/relay/admit"
)

// Settings is what can change while packets are delivered. A value is never
// changed once it is in force, only replaced; what the tables remember survives.
type Settings struct {
	Policy classify.Policy
	Limits admit.IntakeLimits
	// Owned asks for a socket of the flow before each injection.
	Owned bool
	// DryRun does everything but inject.
	DryRun bool
	// Paused stops injecting for a while.
	Paused bool
}
