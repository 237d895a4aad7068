package transport

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"

	"golang.zx2c4.com/wireguard/replay"
)

const sessionSize = 16

// session names all that one sealer seals: random, and the salt of its key.
type session [sessionSize]byte

// newSession returns a session that nobody has had.
func newSession() (s session) {
	rand.Read(s[:]) // never fails, crypto/rand says
	return s
}

// cipher returns AES-256-GCM with the session key: HKDF-SHA256(group key, salt
// session, info "ptbrelay v1").
func (s session) cipher(k Key) cipher.AEAD {
	block, err := aes.NewCipher(derive(k, s[:], "ptbrelay v1", keySize))
	if err != nil {
		panic("transport: " + err.Error()) // only for another key size
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		// Only with GODEBUG=fips140=only, which wants random nonces.
		panic("transport: " + err.Error())
	}
	return aead
}

// counterLimit is the first counter that no window takes. The window can still
// move up to the last one before it.
const counterLimit = 1<<64 - 1<<13 - 1

// peerSession is a session of another member, about 2.5 KiB.
type peerSession struct {
	key    Key
	cipher cipher.AEAD
	window replay.Filter
	seen   int64 // when it was accepted last, our unix ms
}

// accept enters an authenticated counter into the window and tells whether it was
// new. A replayed one does not keep the session alive.
func (p *peerSession) accept(counter uint64, now int64) bool {
	if !p.window.ValidateCounter(counter, counterLimit) {
		return false
	}
	p.seen = now
	return true
}
