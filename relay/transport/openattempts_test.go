package transport

import (
	"testing"
	"time"
)

// forgedSession is a datagram that no key opens, of a session of its own.
func forgedSession() []byte {
	d := sealAt(newSealer(testKey(1)), testStart)
	d[len(d)-1] ^= 1
	return d
}

// tries opens forged datagrams of new sessions until they are limited.
func tries(t *testing.T, o *opener, fromPeer bool, now time.Time) int {
	t.Helper()
	for n := range 2000 {
		_, _, result := o.open(nil, forgedSession(), fromPeer, now)
		if result == Limited {
			return n
		}
		if result != Unauthenticated {
			t.Fatal(result)
		}
	}
	t.Fatal("2000 attempts at one moment")
	return 0
}

// Cryptography for unknown sessions has a budget, of which strangers get half.
func TestAttemptsAreLimited(t *testing.T) {
	o, known := newOpener(Keys{testKey(1)}, 2*time.Hour, testStart), newSealer(testKey(1))
	now := testStart
	checkOpen(t, "first", o, sealAt(known, now), now, Opened)
	for _, c := range []struct {
		what     string
		after    time.Duration
		fromPeer bool
		want     int
	}{
		{"strangers, full bucket", time.Millisecond, false, 500},
		{"peers, half a bucket", 0, true, 500},
		{"peers, a millisecond later", time.Millisecond, true, 1},
		{"strangers, less than half", 499 * time.Millisecond, false, 0},
		{"strangers, one more than half", 2 * time.Millisecond, false, 1},
		{"peers, full again", time.Hour, true, 1000},
		{"strangers, empty bucket", 0, false, 0},
		{"peers, a second later", time.Second, true, 1000},
	} {
		now = now.Add(c.after)
		if got := tries(t, o, c.fromPeer, now); got != c.want {
			t.Errorf("%s: %d attempts, want %d", c.what, got, c.want)
		}
	}
	checkOpen(t, "known session, empty bucket", o, sealAt(known, now), now, Opened)
	checkOpen(t, "new session, empty bucket", o, sealAt(newSealer(testKey(1)), now), now, Limited)
}

// Strangers who guess the key id keep no peer out that was restarted, at any
// rate of theirs.
func TestRestartedPeerGetsInUnderForgery(t *testing.T) {
	o := testOpener(testKey(1))
	for i := range 20 {
		now := testStart.Add(time.Duration(i) * 100 * time.Millisecond)
		tries(t, o, false, now)
		checkOpen(t, "restarted", o, sealAt(newSealer(testKey(1)), now), now, Opened)
	}
}

// Without a key id that is ours nothing is charged.
func TestUnknownKeyIDIsFree(t *testing.T) {
	o := testOpener(testKey(1))
	d := forgedSession()
	d[headerKeyID] ^= 1
	for range 2000 {
		checkOpen(t, "unknown key id", o, d, testStart, Unauthenticated)
	}
	if o.attempts != 0 {
		t.Errorf("%v charged", time.Duration(o.attempts))
	}
}
