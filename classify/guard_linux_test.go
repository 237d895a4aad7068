package classify_test

import (
	"os"
	"runtime/debug"
	"syscall"
	"testing"
	"unsafe"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
)

// guarded is memory whose end is followed by a page that nobody may touch.
type guarded struct {
	data []byte
}

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	page := os.Getpagesize()
	memory, err := syscall.Mmap(-1, 0, 2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatalf("mmap: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(memory); err != nil {
			t.Errorf("munmap: %v", err)
		}
	})
	if err := syscall.Mprotect(memory[page:], syscall.PROT_NONE); err != nil {
		t.Fatalf("mprotect: %v", err)
	}
	return &guarded{data: memory[:page:page]}
}

// put copies the packet to the very end, so that the next byte is forbidden.
func (g *guarded) put(packet []byte) []byte {
	place := g.data[len(g.data)-len(packet):]
	copy(place, packet)
	return place
}

// faults tells whether f touches forbidden memory.
func faults(f func()) (faulted bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { faulted = recover() != nil }()
	f()
	return false
}

// Every packet of the corpus, and every beginning of it, judged with forbidden
// memory right behind.
func TestNothingIsReadBeyondTheSlice(t *testing.T) {
	g := newGuarded(t)
	var d classify.Decoder
	policy := classifytest.Policy()

	var sink byte
	last := g.put([]byte{1})
	if !faults(func() { sink = *(*byte)(unsafe.Add(unsafe.Pointer(&last[0]), 1)) }) {
		t.Fatalf("the guard does not guard: read %d", sink)
	}
	for _, c := range classifytest.Corpus() {
		for n := range len(c.Packet) + 1 {
			packet := g.put(c.Packet[:n])
			if faults(func() { judge(&d, &policy, packet) }) {
				t.Fatalf("%s, first %d bytes: reads beyond, or panics", c.Name, n)
			}
		}
	}
}
