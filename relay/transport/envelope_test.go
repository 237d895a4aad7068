package transport

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"strconv"
	"testing"
	"time"
)

// vector is one of testdata/envelope/vectors.json, which was computed by another
// implementation: Python's hmac and hashlib for HKDF, its cryptography package
// for AES-GCM. All but the numbers is in hex; the counter is text, since JSON
// numbers do not hold 64 bits everywhere.
type vector struct {
	Name       string
	Type       Type
	Key        string
	Session    string
	Counter    string
	UnixMS     int64  `json:"unix_ms"`
	KeyID      string `json:"key_id"`
	SessionKey string `json:"session_key"`
	Nonce      string
	Plaintext  string
	Datagram   string
}

func (v vector) counter(t *testing.T) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(v.Counter, 10, 64)
	must(t, err)
	return n
}

func vectors(t *testing.T) (all []vector) {
	t.Helper()
	text, err := os.ReadFile("testdata/envelope/vectors.json")
	must(t, err)
	must(t, json.Unmarshal(text, &all))
	if len(all) < 8 {
		t.Fatalf("%d vectors", len(all))
	}
	return all
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	must(t, err)
	return b
}

func TestVectorsSealed(t *testing.T) {
	for _, v := range vectors(t) {
		k, s := Key(unhex(t, v.Key)), session(unhex(t, v.Session))
		if got := hex.EncodeToString([]byte{k.id()}); got != v.KeyID {
			t.Errorf("%s: key id %s, want %s", v.Name, got, v.KeyID)
		}
		if got := hex.EncodeToString(derive(k, s[:], "ptbrelay v1", keySize)); got != v.SessionKey {
			t.Errorf("%s: session key %s, want %s", v.Name, got, v.SessionKey)
		}
		h := header{counter: v.counter(t), millis: uint64(v.UnixMS)}
		var n gcmNonce
		if n.set(&h); hex.EncodeToString(n[:]) != v.Nonce {
			t.Errorf("%s: nonce %x, want %s", v.Name, n, v.Nonce)
		}
		sealer := newSealerOf(k, s)
		sealer.next.Store(h.counter)
		before := []byte("kept")
		sealed, counter := sealer.seal(before, v.Type, unhex(t, v.Plaintext), time.UnixMilli(v.UnixMS))
		if got := hex.EncodeToString(sealed[len(before):]); got != v.Datagram || counter != h.counter {
			t.Errorf("%s: counter %d, datagram\n%s, want\n%s", v.Name, counter, got, v.Datagram)
		}
		if !bytes.HasPrefix(sealed, before) {
			t.Errorf("%s: what was there before is %q", v.Name, sealed[:len(before)])
		}
	}
}

func TestVectorsOpened(t *testing.T) {
	for _, v := range vectors(t) {
		now := time.UnixMilli(v.UnixMS)
		o := newOpener(Keys{testKey(9), Key(unhex(t, v.Key))}, time.Second, now)
		before := []byte("kept")
		got, kind, result := o.open(before, unhex(t, v.Datagram), false, now)
		if result != Opened || kind != v.Type {
			t.Errorf("%s: %v %v", v.Name, kind, result)
			continue
		}
		if hex.EncodeToString(got.session[:]) != v.Session || got.counter != v.counter(t) || got.millis != v.UnixMS ||
			hex.EncodeToString(got.payload) != v.Plaintext {
			t.Errorf("%s: %+v", v.Name, got)
		}
		if v.Type == TypePTB && len(got.payload) > 1 {
			eligible(t, got.payload) // the vectors carry real PTBs
		}
	}
}

func TestSizes(t *testing.T) {
	sealed, _ := newSealer(testKey(1)).seal(nil, TypePTB, make([]byte, MaxPacket), time.Now())
	if len(sealed) != 1332 || maxDatagram != 1332 || minDatagram != 52 {
		t.Errorf("the longest datagram is %d bytes, %d and %d, want 1332 and 52", len(sealed), maxDatagram, minDatagram)
	}
}
