package transport

import (
	"testing"
	"time"
)

// fill makes an opener with as many sessions as it keeps, opened one a
// millisecond from its start, and returns their sealers and the time after.
func fill(t *testing.T) (o *opener, sealers []*sealer, now time.Time) {
	t.Helper()
	o, now = testOpener(testKey(1)), testStart
	for range maxSessions {
		s := newSealer(testKey(1))
		checkOpen(t, "filling", o, sealAt(s, now), now, Opened)
		sealers = append(sealers, s)
		now = now.Add(time.Millisecond)
	}
	return o, sealers, now
}

// A full table takes no new session, costs no cryptography, and keeps what it has.
func TestSessionTableFull(t *testing.T) {
	o, sealers, now := fill(t)
	before := o.attempts
	checkOpen(t, "one too many", o, sealAt(newSealer(testKey(1)), now), now, Limited)
	if o.attempts != before {
		t.Error("the full table was charged an attempt")
	}
	for _, s := range sealers {
		checkOpen(t, "known", o, sealAt(s, now), now, Opened)
	}
	if len(o.sessions.peers) != maxSessions {
		t.Errorf("%d sessions", len(o.sessions.peers))
	}
}

// Idle sessions make room, not a moment before, and those in use stay.
func TestIdleSessionsAreForgotten(t *testing.T) {
	o, sealers, now := fill(t)
	used := sealers[0]
	now = now.Add(testTolerance)
	checkOpen(t, "in use", o, sealAt(used, now), now, Opened)

	idleAt := testStart.Add(time.Millisecond + 2*testTolerance + time.Second) // of the second session
	soon := idleAt.Add(-time.Millisecond)
	checkOpen(t, "none is idle", o, sealAt(newSealer(testKey(1)), soon), soon, Limited)
	checkOpen(t, "one is idle", o, sealAt(newSealer(testKey(1)), idleAt), idleAt, Opened)
	checkOpen(t, "only one was", o, sealAt(newSealer(testKey(1)), idleAt), idleAt, Limited)

	later := idleAt.Add(maxSessions * time.Millisecond)
	checkOpen(t, "in use still", o, sealAt(used, later), later, Opened)
	checkOpen(t, "all idle ones go", o, sealAt(newSealer(testKey(1)), later), later, Opened)
	if n := len(o.sessions.peers); n != 3 {
		t.Errorf("%d sessions, want the one in use and two new ones", n)
	}
}

// A replay does not keep a session alive; and when the session is forgotten,
// nothing that was accepted in it is fresh.
func TestReplaysKeepNothingAlive(t *testing.T) {
	o, s := testOpener(testKey(1)), newSealer(testKey(1))
	ahead := sealAt(s, testStart.Add(testTolerance)) // fresh for as long as can be
	checkOpen(t, "ahead", o, ahead, testStart, Opened)
	last := testStart.Add(2 * testTolerance)
	checkOpen(t, "replayed at the last moment", o, ahead, last, Replayed)
	idle := last.Add(time.Second)
	checkOpen(t, "another session", o, sealAt(newSealer(testKey(1)), idle), idle, Opened)
	if n := len(o.sessions.peers); n != 1 {
		t.Errorf("%d sessions, want the new one", n)
	}
	checkOpen(t, "replayed after it was forgotten", o, ahead, idle, Stale)
}
