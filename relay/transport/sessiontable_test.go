package transport

import "testing"

// A clock that is set back does not keep sessions from being forgotten: those that
// are idle go one idle time later, by the clock that there is now.
func TestSessionsAfterClockWasSetBack(t *testing.T) {
	const idle, hour = 61_000, 3_600_000
	begin := int64(1_700_000_000_000)
	table := newSessionTable(idle)
	for i := range maxSessions {
		if !table.room(begin) {
			t.Fatalf("no room for session %d", i)
		}
		table.peers[newSession()] = &peerSession{seen: begin}
	}
	back := begin - hour
	if table.room(back) {
		t.Fatal("there is room before any session is idle")
	}
	if table.room(back + idle - 1) {
		t.Error("sessions were forgotten too early")
	}
	if !table.room(back + idle) {
		t.Error("no room, though all sessions are idle")
	}
}
