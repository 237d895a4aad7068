package transport

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"time"

	"ptbrelay/integration/labtest"
)

// Any number of goroutines may seal; no counter comes twice and none is left out.
func TestSealConcurrently(t *testing.T) {
	const goroutines, each = 8, 500
	s := newSealer(testKey(1))
	now := time.Now()
	datagrams := make([][][]byte, goroutines)
	var wg sync.WaitGroup
	for i := range datagrams {
		wg.Go(func() {
			for n := range each {
				sealed, _ := s.seal(nil, TypePTB, []byte{byte(i), byte(n), byte(n >> 8)}, now)
				datagrams[i] = append(datagrams[i], sealed)
			}
		})
	}
	wg.Wait()
	o := newOpener(Keys{testKey(1)}, time.Minute, now)
	var counters []uint64
	for i := range datagrams {
		for n, d := range datagrams[i] {
			got, _, result := o.open(nil, d, true, now)
			if result != Opened || !bytes.Equal(got.payload, []byte{byte(i), byte(n), byte(n >> 8)}) {
				t.Fatalf("goroutine %d, datagram %d: %v %x", i, n, result, got.payload)
			}
			counters = append(counters, got.counter)
		}
	}
	slices.Sort(counters)
	for i, c := range counters {
		if c != uint64(i) {
			t.Fatalf("counter %d is in the place of %d", c, i)
		}
	}
}

// Two sealers never share a session.
func TestSessionsDiffer(t *testing.T) {
	if a, b := newSealer(testKey(1)), newSealer(testKey(1)); a.session == b.session || a.session == (session{}) {
		t.Errorf("%x and %x", a.session, b.session)
	}
}

// A host restored from a snapshot seals the same counter again. A millisecond
// later that is another nonce: the ciphertexts of two messages tell nothing
// about their difference.
func TestRestoredSnapshotRepeatsNoNonce(t *testing.T) {
	before := newSealer(testKey(1))
	restored := newSealerOf(testKey(1), before.session)
	now := time.Now()
	one, counterOne := before.seal(nil, TypePTB, make([]byte, 64), now)
	two, counterTwo := restored.seal(nil, TypePTB, make([]byte, 64), now.Add(time.Millisecond))
	if counterOne != counterTwo {
		t.Fatalf("counters %d and %d", counterOne, counterTwo)
	}
	if bytes.Equal(one[headerSize:headerSize+64], two[headerSize:headerSize+64]) {
		t.Error("the same key stream twice")
	}
}

func TestSealDoesNotAllocate(t *testing.T) {
	if labtest.RaceEnabled {
		t.Skip("with the race detector sync.Pool forgets on purpose")
	}
	s := newSealer(testKey(1))
	slot, payload, now := make([]byte, 0, maxDatagram), make([]byte, MaxPacket), time.Now()
	if n := testing.AllocsPerRun(100, func() { s.seal(slot, TypePTB, payload, now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
