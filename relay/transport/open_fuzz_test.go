package transport

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"testing"
	"time"
)

// fuzzed is what FuzzOpen mutates: what a member may get, and how an opener ends
// that has keys 1 and 2, the own session {7}, and opened the first of them before.
type fuzzed struct {
	datagrams [][]byte
	sealed    map[string]bool // of our keys, by members, in time and not opened before
}

func newFuzzed() *fuzzed {
	f := &fuzzed{sealed: make(map[string]bool)}
	known, other := newSealerOf(testKey(1), session{1}), newSealerOf(testKey(2), session{2})
	sealed := func(s *sealer, kind Type, size int, at time.Duration) []byte {
		d, _ := s.seal(nil, kind, bytes.Repeat([]byte{0x45}, size), testStart.Add(at))
		f.datagrams = append(f.datagrams, d)
		return d
	}
	sealed(known, TypePTB, 56, 0)
	for _, good := range [][]byte{
		sealed(known, TypePTB, 56, time.Second),
		sealed(known, TypePTB, 1, time.Second),
		sealed(known, TypePTB, MaxPacket, testTolerance),
		sealed(known, TypeProbe, 0, 0),
		sealed(other, TypeReceipt, 25, 0),
		sealed(other, TypeReceipt, MaxPacket, 0),
	} {
		f.sealed[string(good)] = true
	}
	sealed(known, TypePTB, 0, 0)
	sealed(known, TypePTB, MaxPacket+1, 0)
	sealed(known, TypePassOn, 56, 0)
	sealed(known, 0, 56, 0)
	sealed(known, TypePTB, 56, -time.Millisecond)
	sealed(known, TypePTB, 56, testTolerance+time.Millisecond)
	sealed(newSealerOf(testKey(1), session{7}), TypePTB, 56, 0)
	sealed(newSealerOf(testKey(3), session{3}), TypePTB, 56, 0)
	sealed(newSealerOf(testKey(3), session{1}), TypePTB, 56, 0)
	return f
}

// opener is a fresh one.
func (f *fuzzed) opener(t *testing.T) *opener {
	t.Helper()
	o := testOpener(testKey(1), testKey(2))
	o.addSelf(session{7})
	checkOpen(t, "first", o, f.datagrams[0], testStart, Opened)
	return o
}

// judge is the order of refusal as the package documentation has it, written a
// second time.
func (f *fuzzed) judge(d []byte) (string, DatagramResult) {
	kind := "unknown"
	if len(d) >= 36 && d[0] == 1 && d[1] >= 1 && d[1] <= 4 {
		kind = []string{"ptb", "probe", "receipt", "pass-on"}[d[1]-1]
	}
	if len(d) < 52 || len(d) > 1332 || len(d) == 52 && kind == "ptb" {
		return kind, BadSize
	}
	if d[0] != 1 {
		return kind, BadVersion
	}
	if kind == "unknown" || kind == "pass-on" {
		return kind, BadType
	}
	if bytes.Equal(d[4:20], append([]byte{7}, make([]byte, 15)...)) {
		return kind, Self
	}
	const start = 1767225600000
	if ms := binary.BigEndian.Uint64(d[28:]); ms < start || ms > start+30_000 {
		return kind, Stale
	}
	for _, secret := range []Key{testKey(1), testKey(2)} {
		if f.opens(secret, d) {
			if bytes.Equal(d, f.datagrams[0]) {
				return kind, Replayed
			}
			return kind, Opened
		}
	}
	return kind, Unauthenticated
}

// opens tells whether the key opens the datagram.
func (f *fuzzed) opens(secret Key, d []byte) bool {
	id, err := hkdf.Key(sha256.New, secret[:], nil, "ptbrelay v1 id", 1)
	key, err2 := hkdf.Key(sha256.New, secret[:], d[4:20], "ptbrelay v1", 32)
	if err != nil || err2 != nil {
		panic("hkdf")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	_, err = gcm.Open(nil, append(bytes.Clone(d[32:36]), d[20:28]...), d[36:], d[:36])
	return d[3] == id[0] && err == nil
}

// FuzzOpen: whatever comes in, nothing opens but what a member sealed, and what
// does not open is refused in the order that is documented.
func FuzzOpen(f *testing.F) {
	world := newFuzzed()
	for i, d := range world.datagrams {
		f.Add(byte(i), uint16(0), byte(0), uint16(len(d)), []byte(nil))
		f.Add(byte(i), uint16(i), byte(1<<(i%8)), uint16(len(d)-i%3), d[:i])
	}
	f.Add(byte(255), uint16(0), byte(0), uint16(0), world.datagrams[1])
	f.Fuzz(func(t *testing.T, base byte, at uint16, flip byte, size uint16, tail []byte) {
		var d []byte
		if int(base) < len(world.datagrams) {
			d = bytes.Clone(world.datagrams[base])
			d = d[:min(len(d), int(size))]
		}
		d = append(d, tail...)
		if len(d) > 0 {
			d[int(at)%len(d)] ^= flip
		}
		d = d[:len(d):len(d)]
		before := bytes.Clone(d)
		wantKind, want := world.judge(d)
		got, kind, result := world.opener(t).open(nil, d, true, testStart)
		if kind.String() != wantKind || result != want {
			t.Fatalf("%x: %v %v, want %v %v", d, kind, result, wantKind, want)
		}
		if (result == Opened) != world.sealed[string(d)] {
			t.Fatalf("%x: %v", d, result)
		}
		if result == Opened && (len(got.payload) != len(d)-52 || bytes.Count(got.payload, []byte{0x45}) != len(got.payload)) {
			t.Fatalf("payload %x", got.payload)
		}
		if !bytes.Equal(d, before) {
			t.Fatal("open changed the datagram")
		}
	})
}
