package transport

import "slices"

// ownSessions are the last sessions that this process seals or sealed with: one
// more whenever its keys change.
type ownSessions struct {
	sessions [8]session
	added    int
}

func (o *ownSessions) add(s session) {
	o.sessions[o.added%len(o.sessions)] = s
	o.added++
}

func (o *ownSessions) has(s session) bool {
	return slices.Contains(o.sessions[:min(o.added, len(o.sessions))], s)
}
