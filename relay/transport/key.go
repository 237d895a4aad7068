package transport

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
)

const keySize = 32

// Key is a group key: 32 secret bytes that all members share. Whoever has it
// is a member.
type Key [keySize]byte

// Keys are the group keys in use: the first seals, all open. Keys in use are
// never empty.
type Keys []Key

// SealID is the key id of what these keys seal, in two hex digits. It is in the
// clear in every datagram.
func (k Keys) SealID() string { return fmt.Sprintf("%02x", k[0].id()) }

// InsecureKeys returns the one key of 32 zero bytes that everybody knows: it
// keeps out accidents, and nobody else.
func InsecureKeys() Keys { return Keys{{}} }

// GenerateKey returns a new random key as a line of a key file, in base64
// without a newline.
func GenerateKey() string {
	var k Key
	rand.Read(k[:]) // never fails, crypto/rand says
	return base64.StdEncoding.EncodeToString(k[:])
}

// Format prints no byte of the key, whatever the verb, so that none gets into a
// log by accident.
func (Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "(secret key)") }

// id is the byte that tells in a datagram's header which key may open it, the
// first of HKDF(key, no salt, "ptbrelay v1 id"). It gives nothing away of the key.
func (k Key) id() byte { return derive(k, nil, "ptbrelay v1 id", 1)[0] }

// derive is HKDF-SHA256 (RFC 5869).
func derive(k Key, salt []byte, info string, size int) []byte {
	secret, err := hkdf.Key(sha256.New, k[:], salt, info, size)
	if err != nil {
		panic("transport: " + err.Error()) // only for more than 255 hashes
	}
	return secret
}
