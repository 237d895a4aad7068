package admit

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ptbrelay/classify"
	"ptbrelay/relay/outcome"
)

const second = int64(time.Second)

var defaults = Limits{
	Node:   PerSecond(1000, 2000),
	Router: PerSecond(250, 500),
	Client: PerSecond(50, 250),
}

// unlimited is what tests begin with that look at one limit alone.
var unlimited = Limits{Node: free, Router: free, Client: free}

var free = PerSecond(1e9, 2e9)

// node limits the node alone.
func node(rate, burst uint32) Limits {
	l := unlimited
	l.Node = PerSecond(rate, burst)
	return l
}

// message is the n-th of many different eligible messages.
func message(n uint32, mtu classify.MTU) *classify.Message {
	client := netip.AddrFrom4([4]byte{203, byte(n >> 16), byte(n >> 8), byte(n)})
	flow := classify.MakeFlow(classify.TCP,
		netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), 443), netip.AddrPortFrom(client, 40000))
	return &classify.Message{Family: classify.IPv4, Flow: flow, MTU: mtu}
}

// copiesOf sends one message every millisecond and returns when it was admitted.
func copiesOf(t *testing.T, a *Admitter, from, to time.Duration) []time.Duration {
	t.Helper()
	var copies []time.Duration
	for at := from; at < to; at += time.Millisecond {
		refused, ok := a.Admit(int64(at), message(1, 1400), &defaults)
		if ok {
			copies = append(copies, at)
		} else if refused != outcome.Duplicate {
			t.Fatalf("at %v refused as %v", at, refused)
		}
	}
	return copies
}

// The window doubles with every copy like TCP's back-off, and a constant stream
// of PTBs about one flow costs few copies. When the window reaches the memory,
// the key is forgotten and starts again.
func TestWindowDoubles(t *testing.T) {
	at := copiesOf(t, New(), time.Second, time.Minute)
	want := []time.Duration{150, 300, 600, 1200, 2400, 4800, 9600, 10000, 150, 300}
	if len(at) <= len(want) {
		t.Fatalf("only %d copies in a minute", len(at))
	}
	for i, ms := range want {
		if got := at[i+1] - at[i]; got != ms*time.Millisecond {
			t.Errorf("copy %d came %v after the last, want %v", i+2, got, ms*time.Millisecond)
		}
	}
}

func TestForgottenAfterMemory(t *testing.T) {
	a := New()
	copiesOf(t, a, time.Second, 2*time.Second) // at 1000, 1150 and 1450 ms
	at := copiesOf(t, a, 12*time.Second, 12*time.Second+400*time.Millisecond)
	if len(at) != 2 || at[1]-at[0] != 150*time.Millisecond {
		t.Errorf("after ten quiet seconds copies at %v, want two, 150 ms apart", at)
	}
}

// A new MTU for a known flow is new knowledge.
func TestOtherMTUIsNew(t *testing.T) {
	a := New()
	for _, mtu := range []classify.MTU{1400, 1380, 1280} {
		if refused, ok := a.Admit(second, message(1, mtu), &defaults); !ok {
			t.Errorf("mtu %d refused as %v", mtu, refused)
		}
	}
}

// A message that the bucket refused opens no window: its next sighting is
// admitted as soon as there is a token.
func TestRefusedLeavesNoTrace(t *testing.T) {
	a, l := New(), node(10, 1)
	if _, ok := a.Admit(second, message(1, 1400), &l); !ok {
		t.Fatal("the first message was refused")
	}
	if refused, ok := a.Admit(second+1, message(2, 1400), &l); ok || refused != outcome.Deferred {
		t.Fatalf("second message: %v %v, want deferred", refused, ok)
	}
	if refused, ok := a.Admit(second+second/10, message(2, 1400), &l); !ok {
		t.Fatalf("when the token was back: refused as %v", refused)
	}
}

// A duplicate is charged to no bucket.
func TestDuplicateCostsNothing(t *testing.T) {
	a, l := New(), node(1, 4)
	for range 1000 {
		a.Admit(second, message(1, 1400), &l)
	}
	if refused, ok := a.Admit(second, message(2, 1400), &l); !ok {
		t.Errorf("a thousand duplicates emptied the bucket: %v", refused)
	}
}

// In any period a bucket gives out no more than burst + rate × period.
func TestBucketBudget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Uint32Range(1, 1e9).Draw(t, "rate")
		burst := rapid.Uint32Range(1, 2000).Draw(t, "burst")
		r := PerSecond(rate, burst)
		var b bucket
		var taken []int64
		now := second
		for range 3000 {
			now += rapid.Int64Range(0, 2*r.interval).Draw(t, "pause")
			if take(&b, now, r) {
				taken = append(taken, now)
			}
		}
		first := rapid.IntRange(0, len(taken)-1).Draw(t, "first")
		period := taken[len(taken)-1] - taken[first]
		budget := float64(burst) + float64(rate)*float64(period)/float64(second)
		if got := len(taken) - first; float64(got) > budget+1e-6 {
			t.Fatalf("%d tokens in %d ns, budget %.3f", got, period, budget)
		}
	})
}

// take takes a token down to the last.
func take(b *bucket, now int64, r Rate) bool {
	if !b.has(now, r, comeback) {
		return false
	}
	b.charge(now, r)
	return true
}

// A limit that is raised while its bucket is empty works at once.
func TestRaisedLimit(t *testing.T) {
	var b bucket
	now := second
	for take(&b, now, PerSecond(10, 2000)) {
	}
	raised := PerSecond(1000, 2000)
	b.convert(now, PerSecond(10, 2000), raised)
	if take(&b, now, raised) {
		t.Error("an empty bucket gave a token")
	}
	if now += 2 * raised.interval; !take(&b, now, raised) {
		t.Error("no token after the time of two")
	}
}

// A flood of new keys leaves the memory as it is and never refuses one that the
// bucket has room for.
func TestFullTableGoesOn(t *testing.T) {
	a, l := New(), unlimited
	for n := range uint32(2 * dedupSets * dedupWays) {
		if refused, ok := a.Admit(second+int64(n), message(n, 1400), &l); !ok {
			t.Fatalf("message %d refused as %v", n, refused)
		}
	}
	last := uint32(2*dedupSets*dedupWays - 1)
	if _, ok := a.Admit(second+int64(last)+1, message(last, 1400), &l); ok {
		t.Error("the newest key was not remembered")
	}
}

// A full set gives up its oldest sighting and no other.
func TestFullSetForgetsTheOldest(t *testing.T) {
	d := newDedup(1)
	hash := func(n uint64) uint64 { return n << 8 }
	for n := range uint64(dedupWays + 1) {
		slot, duplicate := d.find(second+int64(n), hash(n+1))
		if duplicate {
			t.Fatalf("key %d is a duplicate", n)
		}
		slot.admit(second+int64(n), hash(n+1))
	}
	for n := range uint64(dedupWays + 1) {
		if _, duplicate := d.find(second+100, hash(n+1)); duplicate != (n != 0) {
			t.Errorf("key %d is remembered: %v", n, duplicate)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	a, m, now := New(), message(1, 1400), second
	if n := testing.AllocsPerRun(1000, func() {
		now += int64(time.Millisecond)
		a.Admit(now, m, &defaults)
	}); n != 0 {
		t.Errorf("Admit allocates %v times", n)
	}
}

// All new: flows alone, as from a busy router, and everything, as in a spray.
func BenchmarkAdmitNewFlows(b *testing.B) {
	a, l := New(), unlimited
	m, n := message(0, 1400), uint32(0)
	for b.Loop() {
		n++
		binary.BigEndian.PutUint32(m.Flow[28:], n) // the client
		a.Admit(int64(n)*1000, m, &l)
	}
}

func BenchmarkAdmitSpray(b *testing.B) {
	a, m, random := New(), message(0, 1400), rand.NewPCG(1, 1)
	for n := int64(0); b.Loop(); n++ {
		bits := random.Uint64()
		binary.BigEndian.PutUint32(m.Flow[28:], uint32(bits)) // the client
		m.Router = netip.AddrFrom4([4]byte{byte(bits >> 32), byte(bits >> 40), byte(bits >> 48), byte(bits >> 56)})
		a.Admit(n*10_000, m, &defaults)
	}
}

func BenchmarkAdmitDuplicate(b *testing.B) {
	a, m := New(), message(1, 1400)
	for b.Loop() {
		a.Admit(second, m, &defaults)
	}
}
