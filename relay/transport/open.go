package transport

import (
	"slices"
	"time"
)

// An attempt at a session that is not known derives a key before it can find a
// forgery, so there are at most 1000 a second, with a burst of 1000.
const (
	attemptInterval = time.Millisecond
	attemptBurst    = 1000 * attemptInterval
)

// opener opens what the other members sealed. It is for one goroutine at a time.
type opener struct {
	keys      []openKey
	tolerance time.Duration
	started   time.Time
	sessions  sessionTable
	own       ownSessions
	attempts  budget   // since the start
	nonce     gcmNonce // here for it would escape into the cipher
}

// opened is what was in a datagram.
type opened struct {
	session session
	counter uint64
	millis  int64 // when it was sealed by the sender's clock, since 1970
	payload []byte
}

// openKey is a key with its id.
type openKey struct {
	key Key
	id  byte
}

func hasKey(keys []openKey, k Key) bool {
	return slices.ContainsFunc(keys, func(have openKey) bool { return have.key == k })
}

// newOpener makes an opener that takes datagrams sealed at most tolerance before
// or after now, and not before started. started and the later now are of
// [time.Now], whose monotonic part keeps a clock that is set from mattering.
func newOpener(keys Keys, tolerance time.Duration, started time.Time) *opener {
	o := &opener{
		tolerance: tolerance,
		started:   started,
		sessions:  newSessionTable((2*tolerance + time.Second).Milliseconds()),
	}
	o.setKeys(keys)
	return o
}

// setKeys replaces the keys. Sessions of those that are gone are forgotten.
func (o *opener) setKeys(keys Keys) {
	o.keys = make([]openKey, len(keys))
	for i, k := range keys {
		o.keys[i] = openKey{key: k, id: k.id()}
	}
	o.sessions.keep(o.keys)
}

// addSelf makes datagrams of that session [Self]: those of the last eight sealers
// of this process.
func (o *opener) addSelf(s session) { o.own.add(s) }

// open opens one datagram. fromPeer says that its source address is that of a
// peer. The payload is appended to dst, which must not overlap the datagram;
// with room for it there, neither known sessions nor refusals without
// cryptography allocate. The type is that of the header, [TypeUnknown] where the
// header is cut, of another version or names no type that has a name.
func (o *opener) open(dst, datagram []byte, fromPeer bool, now time.Time) (opened, Type, DatagramResult) {
	t := typeOf(datagram)
	if r := checkForm(datagram); r != Opened {
		return opened{}, t, r
	}
	h := parseHeader(datagram)
	if r := o.checkHeader(&h, now); r != Opened {
		return opened{}, t, r
	}
	payload, r := o.decrypt(dst, datagram, &h, fromPeer, now)
	if r != Opened {
		return opened{}, t, r
	}
	return opened{session: h.session, counter: h.counter, millis: int64(h.millis), payload: payload}, t, Opened
}

// typeOf is the type for the counters.
func typeOf(datagram []byte) Type {
	if len(datagram) < headerSize || datagram[headerVersion] != envelopeVersion {
		return TypeUnknown
	}
	return Type(datagram[headerType]).known()
}

// checkForm judges what needs no state: size, version, type.
func checkForm(datagram []byte) DatagramResult {
	size := len(datagram)
	if size < minDatagram || size > maxDatagram {
		return BadSize
	}
	if datagram[headerVersion] != envelopeVersion {
		return BadVersion
	}
	switch Type(datagram[headerType]).known() {
	case TypePTB:
		if size == minDatagram {
			return BadSize
		}
		return Opened
	case TypeProbe, TypeReceipt:
		return Opened
	case TypePassOn, TypeUnknown:
	}
	return BadType
}

// checkHeader judges what needs no cryptography: own session, clock, key id.
func (o *opener) checkHeader(h *header, now time.Time) DatagramResult {
	age := min(o.tolerance, now.Sub(o.started)) // by the monotonic clock, so that the start moves with a clock that is set
	switch {
	case o.own.has(h.session):
		return Self
	case !fresh(h.millis, now, age, o.tolerance):
		return Stale
	case !slices.ContainsFunc(o.keys, func(k openKey) bool { return k.id == h.keyID }):
		return Unauthenticated
	}
	return Opened
}

// fresh tells whether a datagram of that time is at most age old, and no more than
// tolerance ahead of us.
func fresh(millis uint64, now time.Time, age, tolerance time.Duration) bool {
	at := int64(millis)
	return at >= max(now.Add(-age).UnixMilli(), 0) && at <= now.Add(tolerance).UnixMilli()
}

// decrypt authenticates the datagram and appends its payload to dst.
func (o *opener) decrypt(dst, datagram []byte, h *header, fromPeer bool, now time.Time) ([]byte, DatagramResult) {
	o.nonce.set(h)
	p := o.sessions.peers[h.session]
	if p == nil {
		return o.decryptNew(dst, datagram, h, fromPeer, now)
	}
	plain, err := p.cipher.Open(dst, o.nonce[:], datagram[headerSize:], datagram[:headerSize])
	if err != nil {
		return nil, Unauthenticated
	}
	if !p.accept(h.counter, now.UnixMilli()) {
		return nil, Replayed
	}
	return plain[len(dst):], Opened
}

// decryptNew does so for a session that is not known yet, which is known from
// then on.
func (o *opener) decryptNew(dst, datagram []byte, h *header, fromPeer bool, now time.Time) ([]byte, DatagramResult) {
	ms := now.UnixMilli()
	if !o.sessions.room(ms) {
		return nil, Limited
	}
	for _, k := range o.keys {
		if k.id != h.keyID {
			continue
		}
		if !o.attempts.take(now.Sub(o.started), attemptInterval, attemptBurst, fromPeer) {
			return nil, Limited
		}
		cipher := h.session.cipher(k.key)
		plain, err := cipher.Open(dst, o.nonce[:], datagram[headerSize:], datagram[:headerSize])
		if err != nil {
			continue
		}
		p := &peerSession{key: k.key, cipher: cipher}
		if !p.accept(h.counter, ms) {
			return nil, Replayed
		}
		o.sessions.peers[h.session] = p
		return plain[len(dst):], Opened
	}
	return nil, Unauthenticated
}
