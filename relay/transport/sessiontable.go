package transport

import "math"

// maxSessions bounds the sessions of others that are remembered: a group of
// 1000 members of which each was restarted three times within a minute.
const maxSessions = 4096

// sessionTable holds the sessions of the other members.
//
// A session in which nothing was accepted for idle is forgotten, window and all.
// idle is two tolerances and a second: what was accepted last had a time at most
// one tolerance ahead of ours, so by now it and all before it are more than one
// tolerance behind, and stale.
type sessionTable struct {
	peers map[session]*peerSession
	idle  int64 // ms
	sweep int64 // no session is idle before this, unix ms
}

func newSessionTable(idle int64) sessionTable {
	return sessionTable{peers: make(map[session]*peerSession), idle: idle, sweep: math.MaxInt64}
}

// room forgets idle sessions and tells whether one more may be added. It looks
// through the table only when one may be idle.
func (t *sessionTable) room(now int64) bool {
	if now >= t.sweep || now < t.sweep-t.idle { // or the clock was set back
		t.forgetIdle(now)
	}
	return len(t.peers) < maxSessions
}

func (t *sessionTable) forgetIdle(now int64) {
	oldest := now
	for id, p := range t.peers {
		p.seen = min(p.seen, now)
		if now-p.seen >= t.idle {
			delete(t.peers, id)
			continue
		}
		oldest = min(oldest, p.seen)
	}
	t.sweep = oldest + t.idle
}

// keep forgets the sessions whose key is not in keys.
func (t *sessionTable) keep(keys []openKey) {
	for id, p := range t.peers {
		if !hasKey(keys, p.key) {
			delete(t.peers, id)
		}
	}
}
