package classify_test

import (
	"math/rand/v2"
	"testing"

	"ptbrelay/classify"
)

// SYNs, and every beginning of them, read with forbidden memory right behind.
func TestSYNReadsNothingBeyondTheSlice(t *testing.T) {
	g := newGuarded(t)
	r := rand.New(rand.NewPCG(*packetsSeed, 1))
	found := 0
	for range 200 {
		packet := randomSYN(r).Bytes()
		for n := range len(packet) + 1 {
			place := g.put(packet[:n])
			if faults(func() {
				if _, ok := classify.DecodeSYN(place); ok {
					found++
				}
			}) {
				t.Fatalf("first %d bytes of %x: reads beyond, or panics", n, packet)
			}
		}
	}
	if found == 0 {
		t.Error("no SYN among them")
	}
}
