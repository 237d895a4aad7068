package audit

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// checkTop holds counters against an exact count of the same keys.
func checkTop(t *testing.T, top *top[struct{}], exact map[uint64]uint64) {
	t.Helper()
	k := uint64(cap(top.entries))
	var n, sum uint64
	for _, c := range exact {
		n += c
	}
	found := make(map[uint64]bool)
	last := n + 1
	for e, count := range top.byRank() {
		truth := exact[e.key]
		switch {
		case found[e.key]:
			t.Fatalf("key %d has two counters", e.key)
		case count > last:
			t.Fatalf("count %d behind %d", count, last)
		case count < truth || count-e.error > truth:
			t.Fatalf("key %d came %d times: count %d, error %d", e.key, truth, count, e.error)
		case e.error > n/k:
			t.Fatalf("error %d of %d keys and %d counters", e.error, n, k)
		}
		if number, ok := top.index.find(e.key); !ok || &top.entries[number] != e {
			t.Fatalf("key %d is not found", e.key)
		}
		found[e.key], last = true, count
		sum += count
	}
	if sum != n {
		t.Fatalf("counts add up to %d, want %d", sum, n)
	}
	for key, truth := range exact {
		if truth > n/k && !found[key] {
			t.Fatalf("key %d came %d times of %d and has none of %d counters", key, truth, n, k)
		}
	}
}

// The promises of the counters, for any sequence of keys.
func TestTopKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		top := newTop[struct{}](1 << rapid.IntRange(0, 5).Draw(r, "counters"))
		exact := make(map[uint64]uint64)
		for _, key := range rapid.SliceOfN(rapid.Uint64Range(0, 100), 0, 500).Draw(r, "keys") {
			top.add(key)
			exact[key]++
		}
		checkTop(t, &top, exact)
	})
}

// A stream as networks make it, heavy ones and a long tail, and a flood of keys
// that never come back: nothing heavy is lost, all in the memory of the start.
func TestTopInAFlood(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(r, 1.2, 1, 1<<20)
	top := newTop[struct{}](1024)
	exact := make(map[uint64]uint64)
	add := func(key uint64) {
		top.add(key)
		exact[key]++
	}
	for range 200_000 {
		add(zipf.Uint64())
		add(1<<40 + r.Uint64()>>24)
	}
	checkTop(t, &top, exact)
	rank := uint64(0)
	for e, count := range top.byRank() {
		if rank < 5 && (e.key != rank || count-e.error != exact[rank]) {
			t.Errorf("rank %d: key %d, %d and %d too many, want %d", rank, e.key, count, e.error, exact[rank])
		}
		rank++
	}
}

func TestTopDoesNotAllocate(t *testing.T) {
	top := newTop[struct{}](64)
	key := uint64(0)
	if n := testing.AllocsPerRun(10_000, func() {
		top.add(key)
		top.add(key % 7)
		key++
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// What is kept of a key is forgotten with its counter.
func TestTopForgetsDetails(t *testing.T) {
	top := newTop[int](2)
	*top.add(1) = 11
	*top.add(2) = 22
	top.add(2)
	if got := *top.add(3); got != 0 {
		t.Errorf("a new key starts with %d of the one before", got)
	}
	if got := *top.add(2); got != 22 {
		t.Errorf("a key that stayed has %d, want 22", got)
	}
}

// The index holds what a map holds, whatever is inserted and removed.
func TestIndex(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		const room = 16
		x, want := newIndex(room), make(map[uint64]uint16)
		for _, key := range rapid.SliceOf(rapid.Uint64Range(0, 40)).Draw(r, "keys") {
			if _, ok := want[key]; ok {
				x.remove(key)
				delete(want, key)
			} else if len(want) < room {
				x.insert(key, uint16(key)+1)
				want[key] = uint16(key) + 1
			}
			for key := range uint64(41) {
				number, ok := x.find(key)
				if w, in := want[key]; ok != in || ok && number != w {
					r.Fatalf("key %d: %d %v, want %d %v", key, number, ok, w, in)
				}
			}
		}
	})
}

// A value that most votes are for wins in any order of the votes, and one that half
// of them or fewer are for never does.
func TestMajority(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for ones := range 101 {
		for range 20 {
			votes := make([]uint32, 100)
			for i := range votes {
				votes[i] = 1400
				if i >= ones {
					votes[i] = uint32(1401 + i%3)
				}
			}
			r.Shuffle(len(votes), func(i, j int) { votes[i], votes[j] = votes[j], votes[i] })
			var m majority
			for _, v := range votes {
				m.vote(v)
			}
			won := m.won()
			if ones > 50 && m.value != 1400 || ones >= 75 && won != 1400 {
				t.Errorf("%d of 100 votes are for 1400: the candidate is %d, %d won", ones, m.value, won)
			}
			if ones <= 50 && won == 1400 || won > 1400 && ones > 33 {
				t.Errorf("%d of 100 votes are for 1400, and %d won", ones, won)
			}
		}
	}
}

// Of a capture that is sorted the last value is the candidate, and has not won.
func TestMajorityOfSorted(t *testing.T) {
	var m majority
	for range 47 {
		m.vote(1500)
	}
	for i := range 53 {
		m.vote(uint32(576 + i/20))
	}
	if got := m.won(); got != 0 {
		t.Errorf("%d won", got)
	}
}

func BenchmarkTop(b *testing.B) {
	for name, key := range map[string]func(*rand.Rand) uint64{
		"heavy": func(r *rand.Rand) uint64 { return r.Uint64N(1000) },
		"new":   (*rand.Rand).Uint64,
	} {
		b.Run(name, func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			keys := make([]uint64, 1<<20)
			for i := range keys {
				keys[i] = key(r)
			}
			top := newTop[origin](prefixCounters)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				top.add(keys[i&(len(keys)-1)])
			}
		})
	}
}
