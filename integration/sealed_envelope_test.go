package integration

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/transport"
)

// The envelope as the documentation of relay/transport specifies it, written from
// that text and not by that code: so any field can be a wrong one.

// session seals as one run of a daemon with one key does.
type session struct {
	id    [16]byte
	keyID byte
	aead  cipher.AEAD
}

// newSession begins a random one under a line of a key file.
func newSession(t testing.TB, key string) *session {
	t.Helper()
	secret, err := hex.DecodeString(key)
	if err != nil {
		t.Fatal(err)
	}
	s := &session{keyID: expand(t, secret, nil, "ptbrelay v1 id", 1)[0]}
	_, _ = rand.Read(s.id[:]) // never fails
	block, err := aes.NewCipher(expand(t, secret, s.id[:], "ptbrelay v1", 32))
	if err != nil {
		t.Fatal(err)
	}
	if s.aead, err = cipher.NewGCM(block); err != nil {
		t.Fatal(err)
	}
	return s
}

func expand(t testing.TB, secret, salt []byte, info string, size int) []byte {
	t.Helper()
	b, err := hkdf.Key(sha256.New, secret, salt, info, size)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// header is a right one of version 1.
func (s *session) header(kind transport.Type, counter uint64, at time.Time) []byte {
	h := append([]byte{1, byte(kind), 0, s.keyID}, s.id[:]...)
	h = binary.BigEndian.AppendUint64(h, counter)
	return binary.BigEndian.AppendUint64(h, uint64(at.UnixMilli()))
}

// seal appends a datagram with this header, whatever it says.
func (s *session) seal(dst, header, payload []byte) []byte {
	nonce := append(append(make([]byte, 0, 12), header[labtest.EnvelopeMillis+4:]...), header[labtest.EnvelopeCounter:labtest.EnvelopeMillis]...)
	return s.aead.Seal(append(dst, header...), nonce, payload, header)
}

// keyWithID is a key that is none of [labtest.Key] and has the same id as that.
func keyWithID(t testing.TB, key string) string {
	t.Helper()
	want := newSession(t, key).keyID
	for range 1 << 16 { // one in 256 is
		var other [32]byte
		_, _ = rand.Read(other[:]) // never fails
		if line := hex.EncodeToString(other[:]); newSession(t, line).keyID == want {
			return line
		}
	}
	t.Fatal("no other key has that id")
	return ""
}

// sealedIn is the envelope in a frame of the transport over IPv4 without options,
// nil where it is another frame.
func sealedIn(f lab.Frame) []byte {
	const ipv4, udp = 14, 14 + 20
	d, ok := parseDatagram(f)
	if !ok || !d.from.Addr().Is4() || (d.from.Port() != udpPort && d.to.Port() != udpPort) {
		return nil
	}
	return f.Data[udp+8 : ipv4+int(binary.BigEndian.Uint16(f.Data[ipv4+2:]))]
}

// awaitSealed waits until a tap has seen a datagram of the group, and returns its
// envelope.
func awaitSealed(t testing.TB, tap *lab.Tap, way lab.PacketType, kind transport.Type) (sealed []byte) {
	t.Helper()
	labtest.Eventually(t, 20*time.Second, "a datagram "+kind.String()+" is on the wire", func() error {
		for _, f := range tap.Frames() {
			if d := sealedIn(f); d != nil && f.Type == way && transport.Type(d[labtest.EnvelopeType]) == kind {
				sealed = d
				return nil
			}
		}
		return errNotYet
	})
	return sealed
}
