package admit

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ptbrelay/classify"
	"ptbrelay/relay/outcome"
)

// reference decides as an Admitter should, by maps without bounds and tokens
// without tricks.
type reference struct {
	windows map[classify.Key]window
	flows   map[classify.Flow]int64
	copied  map[classify.Flow]bool // since first seen
	routers map[netip.Prefix]int64
	buckets map[string]*tokens
}

type window struct {
	copies int
	last   int64
}

// tokens is what a bucket has, in nanoseconds of its rate.
type tokens struct{ left, at int64 }

func newReference() *reference {
	return &reference{
		windows: make(map[classify.Key]window),
		flows:   make(map[classify.Flow]int64),
		copied:  make(map[classify.Flow]bool),
		routers: make(map[netip.Prefix]int64),
		buckets: make(map[string]*tokens),
	}
}

func (r *reference) admit(now int64, m *classify.Message, l *Limits) (outcome.Outcome, bool) {
	w := r.windows[m.Key()]
	if now-w.last >= longestMemory {
		w.copies = 0
	}
	if w.copies > 0 && now-w.last < min(firstWindow<<(w.copies-1), longestMemory) {
		return outcome.Duplicate, false
	}
	level := r.level(now/millisecond, m)
	client := r.bucket(now, fmt.Sprint("client ", prefixAround(m.Flow.Client())), l.Client)
	router := r.bucket(now, fmt.Sprint("router ", prefixAround(m.Router)), l.Router)
	node := r.bucket(now, "node", l.Node)
	switch {
	case !client.enough(level, l.Client):
		return outcome.LimitedClient, false
	case !router.enough(level, l.Router):
		return outcome.LimitedRouter, false
	case !node.enough(level, l.Node) && level >= repeated:
		return outcome.LimitedNode, false
	case !node.enough(level, l.Node):
		return outcome.Deferred, false
	}
	client.left -= l.Client.interval
	router.left -= l.Router.interval
	node.left -= l.Node.interval
	r.windows[m.Key()] = window{w.copies + 1, now}
	r.copied[m.Flow] = true
	return 0, true
}

func (r *reference) level(ms int64, m *classify.Message) level {
	level := firstTimer
	router := prefixAround(m.Router)
	if first, seen := r.routers[router]; !seen {
		r.routers[router] = ms
	} else if ms-first >= 150 {
		level = knownRouter
	}
	switch first, seen := r.flows[m.Flow]; {
	case !seen || ms-first > 10_000:
		r.flows[m.Flow] = ms
		r.copied[m.Flow] = false
	case ms-first >= 150 && r.copied[m.Flow]:
		level = repeated
	case ms-first >= 150:
		level = comeback
	}
	return level
}

func (r *reference) bucket(now int64, name string, rate Rate) *tokens {
	b := r.buckets[name]
	if b == nil {
		b = &tokens{left: rate.depth, at: now}
		r.buckets[name] = b
	}
	b.left = min(b.left+now-b.at, rate.depth)
	b.at = now
	return b
}

func (b *tokens) enough(l level, r Rate) bool {
	share := map[level]int64{firstTimer: 2, knownRouter: 4, repeated: 8}[l]
	return b.left >= r.interval && (share == 0 || share*b.left > r.depth)
}

func prefixAround(a netip.Addr) netip.Prefix {
	bits := 64
	if a.Is4() {
		bits = 32
	}
	return netip.PrefixFrom(a, bits).Masked()
}

// From small pools, so that everything comes back, and both families.
func drawMessage(t *rapid.T) *classify.Message {
	n := rapid.Uint32Range(0, 300).Draw(t, "flow")
	m := message(n, classify.MTU(rapid.IntRange(1400, 1401).Draw(t, "mtu")))
	router := rapid.Uint32Range(0, 3).Draw(t, "router")
	m.Router = netip.AddrFrom4([4]byte{198, 51, 100, byte(router)})
	if rapid.Bool().Draw(t, "IPv6") {
		// Clients and routers by fours in one /64.
		m.Family = classify.IPv6
		m.Router = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 7: byte(router / 2), 15: byte(router)})
		client := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 6: byte(n >> 10), 7: byte(n >> 2), 15: byte(n)})
		m.Flow = classify.MakeFlow(classify.TCP, netip.MustParseAddrPort("[2001:db8:ffff::1]:443"), netip.AddrPortFrom(client, 40000))
	}
	return m
}

func drawRate(t *rapid.T, name string) Rate {
	return PerSecond(rapid.Uint32Range(1, 200).Draw(t, name+" rate"), rapid.Uint32Range(1, 60).Draw(t, name+" burst"))
}

// Every answer is the reference's: windows, levels, budgets, what is charged and
// the order of refusals. That nothing is charged unless all buckets admit, and
// that a refused sighting leaves its comeback alone, follows from it.
func TestAgainstReference(t *testing.T) {
	a := New()
	now := second
	seen := make(map[string]int)
	rapid.Check(t, func(t *rapid.T) {
		// One Admitter for all runs, which allocates much: everything it knows
		// is forgotten by then, but for the routers.
		now += 100 * second
		a.memory.levels.routers = newMarks(1 << 8)
		want := newReference()
		limits := Limits{Node: drawRate(t, "node"), Router: drawRate(t, "router"), Client: drawRate(t, "client")}
		for range 400 {
			now += rapid.SampledFrom([]int64{0, 1, millisecond, 20 * millisecond, 160 * millisecond, 4 * second}).Draw(t, "pause")
			m := drawMessage(t)
			refused, admitted := a.Admit(now, m, &limits)
			wantRefused, wantAdmitted := want.admit(now, m, &limits)
			if admitted != wantAdmitted || refused != wantRefused {
				t.Fatalf("%v by %v at %v: %v %v, want %v %v", m.Flow, m.Router, time.Duration(now),
					refused, admitted, wantRefused, wantAdmitted)
			}
			if admitted {
				seen["admitted"]++
			} else {
				seen[refused.String()]++
			}
		}
	})
	for _, answer := range []string{"admitted", "duplicate", "limited-client", "limited-router", "limited-node", "deferred"} {
		if seen[answer] < 100 {
			t.Errorf("only %d messages were %s: nothing is proved of it", seen[answer], answer)
		}
	}
}
