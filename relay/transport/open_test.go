package transport

import (
	"bytes"
	"testing"
	"time"
)

const testTolerance = 30 * time.Second

// testStart is when openers of tests start, in whole milliseconds.
var testStart = time.UnixMilli(1767225600000)

// sealAt seals a PTB whose payload is one byte.
func sealAt(s *sealer, now time.Time) []byte {
	sealed, _ := s.seal(nil, TypePTB, []byte{0x45}, now)
	return sealed
}

func testOpener(keys ...Key) *opener { return newOpener(keys, testTolerance, testStart) }

// checkOpen opens a datagram of a peer.
func checkOpen(t *testing.T, what string, o *opener, datagram []byte, now time.Time, want DatagramResult) {
	t.Helper()
	got, _, result := o.open(nil, datagram, true, now)
	if result != want {
		t.Errorf("%s: %v, want %v", what, result, want)
	}
	if result != Opened && (got.payload != nil || got.session != session{} || got.counter != 0 || got.millis != 0) {
		t.Errorf("%s: %v, yet %+v", what, result, got)
	}
}

// fault makes something wrong with a datagram that an opener with key 1 and the
// own session {7} would open.
type fault struct {
	name   string
	result DatagramResult
	spoil  func(datagram []byte) []byte
}

// faults are in the order of refusal.
func faults() []fault {
	set := func(at int, value ...byte) func([]byte) []byte {
		return func(d []byte) []byte {
			copy(d[at:], value)
			return d
		}
	}
	return []fault{
		{"too long", BadSize, func(d []byte) []byte { return append(d, make([]byte, maxDatagram+1-len(d))...) }},
		{"version 2", BadVersion, set(0, 2)},
		{"type 9", BadType, set(1, 9)},
		{"own session", Self, set(4, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)},
		{"old", Stale, set(28, 0, 0, 0, 0, 0, 0, 0, 0)},
		{"another key id", Unauthenticated, func(d []byte) []byte { d[3] ^= 0xff; return d }},
		{"forged", Unauthenticated, func(d []byte) []byte { d[len(d)-1] ^= 1; return d }},
	}
}

// Of all that is wrong with a datagram the first counts.
func TestOrderOfRefusal(t *testing.T) {
	s := newSealer(testKey(1))
	for i, f := range faults() {
		o := testOpener(testKey(1))
		o.addSelf(session{7})
		d := sealAt(s, testStart)
		checkOpen(t, "known session", o, sealAt(s, testStart), testStart, Opened)
		for _, later := range faults()[i:] {
			d = later.spoil(d)
		}
		checkOpen(t, f.name+" and all after it", o, d, testStart, f.result)
		checkOpen(t, f.name, o, f.spoil(sealAt(s, testStart)), testStart, f.result)
		checkOpen(t, f.name+" in a new session", o, f.spoil(sealAt(newSealer(testKey(1)), testStart)), testStart, f.result)
	}
}

// The label of the type is what the header says, as far as it can be read.
func TestTypeLabel(t *testing.T) {
	s := newSealer(testKey(1))
	payload := []byte{0x45}
	at := func(kind Type, payload []byte) []byte {
		sealed, _ := s.seal(nil, kind, payload, testStart)
		return sealed
	}
	other := at(TypeProbe, payload)
	other[headerVersion] = 0
	for name, c := range map[string]struct {
		datagram []byte
		kind     Type
		result   DatagramResult
	}{
		"nothing":               {nil, TypeUnknown, BadSize},
		"header cut":            {at(TypePTB, payload)[:headerSize-1], TypeUnknown, BadSize},
		"header only":           {at(TypePTB, payload)[:headerSize], TypePTB, BadSize},
		"one byte less":         {at(TypeProbe, nil)[:minDatagram-1], TypeProbe, BadSize},
		"probe without payload": {at(TypeProbe, nil), TypeProbe, Opened},
		"receipt":               {at(TypeReceipt, payload), TypeReceipt, Opened},
		"PTB without payload":   {at(TypePTB, nil), TypePTB, BadSize},
		"longest":               {at(TypePTB, make([]byte, MaxPacket)), TypePTB, Opened},
		"one byte more":         {at(TypePTB, make([]byte, MaxPacket+1)), TypePTB, BadSize},
		"type 0":                {at(0, payload), TypeUnknown, BadType},
		"to be passed on":       {at(TypePassOn, payload), TypePassOn, BadType},
		"type 5":                {at(5, payload), TypeUnknown, BadType},
		"type 255":              {at(255, payload), TypeUnknown, BadType},
		"version 0":             {other, TypeUnknown, BadVersion},
	} {
		_, kind, result := testOpener(testKey(1)).open(nil, c.datagram, true, testStart)
		if kind != c.kind || result != c.result {
			t.Errorf("%s: %v %v, want %v %v", name, kind, result, c.kind, c.result)
		}
	}
}

// Every bit of a datagram is authenticated, the reserved byte too.
func TestEveryBitCounts(t *testing.T) {
	s := newSealer(testKey(1))
	known := testOpener(testKey(1))
	checkOpen(t, "first", known, sealAt(s, testStart), testStart, Opened)
	genuine := sealAt(s, testStart)
	for bit := range 8 * len(genuine) {
		d := bytes.Clone(genuine)
		d[bit/8] ^= 1 << (bit % 8)
		for what, o := range map[string]*opener{"known": known, "new": testOpener(testKey(1))} {
			if _, _, result := o.open(nil, d, true, testStart); result == Opened {
				t.Errorf("bit %d changed, session %s: opened", bit, what)
			}
		}
	}
	checkOpen(t, "unchanged", known, genuine, testStart, Opened)
}

func TestClock(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		sealed, received time.Duration // after the start
		want             DatagramResult
	}{
		"at the start":           {0, 0, Opened},
		"before the start":       {-ms, 0, Stale},
		"before the start, late": {-ms, 10 * time.Second, Stale},
		"oldest":                 {0, testTolerance, Opened},
		"too old":                {0, testTolerance + ms, Stale},
		"oldest later":           {time.Hour, time.Hour + testTolerance, Opened},
		"too old later":          {time.Hour, time.Hour + testTolerance + ms, Stale},
		"farthest ahead":         {testTolerance, 0, Opened},
		"too far ahead":          {testTolerance + ms, 0, Stale},
		"a year ahead":           {365 * 24 * time.Hour, time.Hour, Stale},
	} {
		for _, known := range []bool{false, true} {
			o, s := testOpener(testKey(1)), newSealer(testKey(1))
			now := testStart.Add(c.received)
			if known {
				checkOpen(t, "first", o, sealAt(s, now), now, Opened)
			}
			checkOpen(t, name, o, sealAt(s, testStart.Add(c.sealed)), now, c.want)
		}
	}
}

// Times that no clock shows do not wrap around.
func TestClockExtremes(t *testing.T) {
	now := testStart.Add(time.Hour)
	ours := uint64(now.UnixMilli())
	for _, c := range []struct {
		millis uint64
		age    time.Duration
		want   bool
	}{
		{ours, time.Second, true},
		{0, time.Second, false},
		{1 << 63, time.Second, false},
		{1<<64 - 1, time.Second, false},
		{ours + 1<<63, time.Second, false},
		{ours + 1<<32, time.Second, false},
		{ours, -time.Second, false}, // the start is in the future
		{ours + 1000, -time.Second, true},
	} {
		if got := fresh(c.millis, now, c.age, testTolerance); got != c.want {
			t.Errorf("%d, age %v: %v", c.millis, c.age, got)
		}
	}
	if fresh(1<<64-1, time.UnixMilli(0), time.Hour, time.Hour) {
		t.Error("a negative time is fresh in 1970")
	}
}

func TestReplayWindow(t *testing.T) {
	o, s := testOpener(testKey(1)), newSealer(testKey(1))
	const window = 8128 // what replay.Filter remembers behind the last
	var sealed [][]byte
	for range window + 3 {
		sealed = append(sealed, sealAt(s, testStart))
	}
	for _, c := range []struct {
		counter int
		want    DatagramResult
	}{
		{5, Opened}, {5, Replayed}, {3, Opened}, {5, Replayed}, {3, Replayed}, {4, Opened},
		{window + 1, Opened}, {1, Opened}, {1, Replayed}, {0, Replayed}, {window + 2, Opened}, {2, Opened}, {window + 1, Replayed},
	} {
		checkOpen(t, "counter", o, sealed[c.counter], testStart, c.want)
	}
}

// A forged counter does not get into the window, whatever it claims.
func TestForgedCounterMovesNoWindow(t *testing.T) {
	o, s := testOpener(testKey(1)), newSealer(testKey(1))
	checkOpen(t, "first", o, sealAt(s, testStart), testStart, Opened)
	next := sealAt(s, testStart)
	forged := bytes.Clone(next)
	forged[headerCounter] = 0x7f
	checkOpen(t, "forged", o, forged, testStart, Unauthenticated)
	forged = bytes.Clone(next)
	forged[len(forged)-1] ^= 1
	checkOpen(t, "forged with the counter that comes", o, forged, testStart, Unauthenticated)
	checkOpen(t, "genuine", o, next, testStart, Opened)
}

// The window ends before the counter does, 8193 before.
func TestLastCounters(t *testing.T) {
	s := newSealer(testKey(1))
	s.next.Store(1<<64 - 8194)
	last, beyond := sealAt(s, testStart), sealAt(s, testStart)
	s.next.Store(1<<64 - 1)
	end := sealAt(s, testStart)
	o := testOpener(testKey(1))
	for range 2 { // a session that does not exist yet, and does not by that
		checkOpen(t, "beyond", o, beyond, testStart, Replayed)
		checkOpen(t, "end", o, end, testStart, Replayed)
	}
	if len(o.sessions.peers) != 0 {
		t.Errorf("%d sessions of counters beyond the limit", len(o.sessions.peers))
	}
	checkOpen(t, "last", o, last, testStart, Opened)
	checkOpen(t, "beyond", o, beyond, testStart, Replayed)
}

// Where the table is full new sessions are refused, and those that are known go on.
func TestTooManySessions(t *testing.T) {
	o, known := testOpener(testKey(1)), newSealer(testKey(1))
	checkOpen(t, "known", o, sealAt(known, testStart), testStart, Opened)
	for len(o.sessions.peers) < maxSessions {
		o.sessions.peers[newSession()] = &peerSession{seen: testStart.UnixMilli()}
	}
	checkOpen(t, "new", o, sealAt(newSealer(testKey(1)), testStart), testStart, Limited)
	checkOpen(t, "known", o, sealAt(known, testStart), testStart, Opened)
	if o.attempts > budget(attemptInterval) {
		t.Error("what there is no room for was tried")
	}
}

// All sealers of this process are told from others: the last eight.
func TestSelf(t *testing.T) {
	o := testOpener(testKey(1))
	checkOpen(t, "session of zeros", o, sealAt(newSealerOf(testKey(1), session{}), testStart), testStart, Opened)
	var sealers []*sealer
	for range 9 {
		s := newSealer(testKey(1))
		o.addSelf(s.session)
		sealers = append(sealers, s)
	}
	for _, s := range sealers[1:] {
		checkOpen(t, "own", o, sealAt(s, testStart), testStart, Self)
	}
	checkOpen(t, "too long ago", o, sealAt(sealers[0], testStart), testStart, Opened)
}

// sameID returns a key that shares the id of k.
func sameID(k Key) Key {
	for i := byte(1); ; i++ {
		for j := range 256 {
			if other := testKey(i); other != k {
				if other[0] = byte(j); other.id() == k.id() {
					return other
				}
			}
		}
	}
}

// All keys open, and of two with the same id each is tried, and no other.
func TestKeysWithOneID(t *testing.T) {
	one := testKey(1)
	two := sameID(one)
	o := testOpener(testKey(2), one, two)
	for range 2 {
		checkOpen(t, "first key", o, sealAt(newSealer(one), testStart), testStart, Opened)
		checkOpen(t, "second key", o, sealAt(newSealer(two), testStart), testStart, Opened)
	}
	forged := sealAt(newSealer(one), testStart)
	forged[len(forged)-1] ^= 1
	left := time.Duration(o.attempts)
	checkOpen(t, "neither", o, forged, testStart, Unauthenticated)
	if took := (time.Duration(o.attempts) - left) / attemptInterval; took != 2 {
		t.Errorf("%d tokens for two keys", took)
	}
}

// With a key its sessions go; the others stay, windows and all.
func TestSetKeys(t *testing.T) {
	o := testOpener(testKey(1), testKey(2))
	one, two := newSealer(testKey(1)), newSealer(testKey(2))
	first := sealAt(two, testStart)
	checkOpen(t, "key 1", o, sealAt(one, testStart), testStart, Opened)
	checkOpen(t, "key 2", o, first, testStart, Opened)
	o.setKeys(Keys{testKey(3), testKey(2)})
	checkOpen(t, "key 1, gone", o, sealAt(one, testStart), testStart, Unauthenticated)
	checkOpen(t, "key 2 again", o, first, testStart, Replayed)
	checkOpen(t, "key 2", o, sealAt(two, testStart), testStart, Opened)
	checkOpen(t, "key 3", o, sealAt(newSealer(testKey(3)), testStart), testStart, Opened)
	if len(o.sessions.peers) != 2 {
		t.Errorf("%d sessions, want 2", len(o.sessions.peers))
	}
}
