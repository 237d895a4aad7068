package transport

import (
	"crypto/cipher"
	"sync"
	"sync/atomic"
	"time"
)

// sealer seals datagrams of one session of this process. It is for any number of
// goroutines.
type sealer struct {
	session session
	keyID   byte
	cipher  cipher.AEAD
	next    atomic.Uint64 // counter
	nonces  sync.Pool     // of *gcmNonce: on the stack they would escape into the cipher
}

// newSealer begins a new session under the key.
func newSealer(k Key) *sealer { return newSealerOf(k, newSession()) }

func newSealerOf(k Key, s session) *sealer {
	return &sealer{
		session: s,
		keyID:   k.id(),
		cipher:  s.cipher(k),
		nonces:  sync.Pool{New: func() any { return new(gcmNonce) }},
	}
}

// seal appends to dst a datagram of that type with the payload, of at most
// [MaxPacket] bytes, which must not overlap what dst has room for. It returns the
// counter too, which no other datagram of the session has. With room for 52
// bytes more than the payload in dst it does not allocate.
func (s *sealer) seal(dst []byte, t Type, payload []byte, now time.Time) (sealed []byte, counter uint64) {
	h := header{
		kind:    t,
		keyID:   s.keyID,
		session: s.session,
		counter: s.next.Add(1) - 1,
		millis:  uint64(now.UnixMilli()),
	}
	begin := len(dst)
	dst = h.append(dst)
	n := s.nonces.Get().(*gcmNonce)
	n.set(&h)
	sealed = s.cipher.Seal(dst, n[:], payload, dst[begin:])
	s.nonces.Put(n)
	return sealed, h.counter
}
