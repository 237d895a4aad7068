package control

import "context"

// Daemon is what the server acts on. Any goroutine may call its methods, several
// at once.
type Daemon interface {
	// Pause stops sending and injecting; false: it was paused before.
	Pause() (changed bool)
	// Resume goes on sending and injecting; false: it was not paused.
	Resume() (changed bool)
	Snapshot() Snapshot
	// Selftest is called by one goroutine at a time. It must return soon after
	// its context ends, with what it knows by then.
	Selftest(context.Context) Selftest
}

// Switch is the answer to pause and resume.
type Switch struct {
	// Paused is the state from now on.
	Paused bool `json:"paused"`
	// Changed is false where it was so before.
	Changed bool `json:"changed"`
}
