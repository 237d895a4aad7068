package admit

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ptbrelay/classify"
	"ptbrelay/relay/outcome"
)

// spray is a source of messages about random flows by random routers.
type spray struct{ random *rand.Rand }

func newSpray(seed uint64) spray { return spray{rand.New(rand.NewPCG(seed, 1))} }

func (s spray) next() *classify.Message {
	return &classify.Message{
		Family: classify.IPv4,
		Router: s.address(),
		MTU:    1400,
		Flow: classify.MakeFlow(classify.TCP, netip.MustParseAddrPort("192.0.2.1:443"),
			netip.AddrPortFrom(s.address(), uint16(s.random.Uint32()))),
	}
}

func (s spray) address() netip.Addr {
	bits := s.random.Uint32()
	return netip.AddrFrom4([4]byte{byte(bits), byte(bits >> 8), byte(bits >> 16), byte(bits >> 24)})
}

// crowded is an Admitter whose tables have no free place at now: all of it is
// what attackers left in the last two seconds.
func crowded(now int64) *Admitter {
	a, random := New(), rand.New(rand.NewPCG(2, 2))
	lately := func() int64 { return now - random.Int64N(2*second) }
	for _, t := range []marks{a.memory.levels.flows, a.memory.levels.routers} {
		for i := range t.table {
			for j := range t.table[i] {
				t.table[i][j] = mark{tag: random.Uint32() | 1, first: uint32(lately() / millisecond)}
			}
		}
	}
	for i := range a.memory.dedup.table {
		for j := range a.memory.dedup.table[i] {
			a.memory.dedup.table[i][j] = sighting{tag: random.Uint64()&^copiesMask | 1, last: lately()}
		}
	}
	for _, t := range []accounts{a.clients, a.routers} {
		for i := range t.table {
			for j := range t.table[i] {
				t.table[i][j] = account{hash: random.Uint64(), bucket: bucket(now + random.Int64N(20*millisecond))}
			}
		}
	}
	return a
}

// At 50 000 new flows a second, a flow first seen 1.5 s ago comes back as such.
func TestComebackInAFlood(t *testing.T) {
	const rate, flows = 50_000, 64
	for _, ago := range []time.Duration{150 * time.Millisecond, 1500 * time.Millisecond} {
		now := 10 * second
		a, s := crowded(now), newSpray(3)
		limits := defaults
		for n := range uint32(flows) {
			a.Admit(now, message(n, 1400), &limits)
		}
		for range rate * ago / time.Second {
			now += second / rate
			a.Admit(now, s.next(), &limits)
		}
		now += millisecond // the last of them were in time, too
		for n := range uint32(flows) {
			flow, router := a.memory.hashes(message(n, 1400))
			if level, _ := a.memory.levels.of(now, flow, router); level < repeated {
				t.Errorf("flow %d, first seen %v ago, is at level %d", n, ago, level)
			}
		}
	}
}

// A router that is silent for a second, as one is that can emit few PTBs, is known
// still when its senders retransmit, whatever was sprayed meanwhile.
func TestSilentRouterIsKnownInAFlood(t *testing.T) {
	const rate, routers = 50_000, 1000
	levels, random := newLevels(), rand.New(rand.NewPCG(3, 3))
	real := make([]uint64, routers)
	for i := range real {
		real[i] = random.Uint64()
		levels.of(0, random.Uint64(), real[i])
		levels.of(second/2, random.Uint64(), real[i])
	}
	for i := range int64(rate) {
		levels.of(second/2+i*second/rate, random.Uint64(), random.Uint64())
	}
	forgotten := 0
	for _, r := range real {
		if l, _ := levels.of(second+second/2, random.Uint64(), r); l != knownRouter {
			forgotten++
		}
	}
	if forgotten > routers/100 {
		t.Errorf("%d of %d routers were forgotten within a second", forgotten, routers)
	}
}

// In no second are there more copies than burst and rate allow, in any of the
// three buckets, whatever comes and however full the tables are.
func TestNeverAboveBudget(t *testing.T) {
	now := 20 * second
	a := crowded(now)
	rapid.Check(t, func(t *rapid.T) {
		now += 100 * second
		node, router, client := drawBudget(t, "node"), drawBudget(t, "router"), drawBudget(t, "client")
		limits := Limits{Node: node.rate(), Router: router.rate(), Client: client.rate()}
		s := newSpray(rapid.Uint64().Draw(t, "seed"))
		for range 3000 {
			now += rapid.Int64Range(0, 4*millisecond).Draw(t, "pause")
			m := drawMessage(t)
			if rapid.Bool().Draw(t, "sprayed") {
				m = s.next()
			}
			if _, admitted := a.Admit(now, m, &limits); admitted {
				node.took("node", now)
				router.took(prefixAround(m.Router).String(), now)
				client.took(prefixAround(m.Flow.Client()).String(), now)
			}
		}
		for _, b := range []*budget{node, router, client} {
			b.check(t)
		}
	})
}

// budget notes what a limit let through, by prefix.
type budget struct {
	name       string
	perSecond  uint32
	burst      uint32
	admissions map[string][]int64
}

func drawBudget(t *rapid.T, name string) *budget {
	return &budget{
		name:       name,
		perSecond:  rapid.Uint32Range(1, 2000).Draw(t, name),
		burst:      rapid.Uint32Range(1, 300).Draw(t, name+" burst"),
		admissions: make(map[string][]int64),
	}
}

func (b *budget) rate() Rate { return PerSecond(b.perSecond, b.burst) }
func (b *budget) took(prefix string, at int64) {
	b.admissions[prefix] = append(b.admissions[prefix], at)
}

// check looks at every second that begins with an admission.
func (b *budget) check(t *rapid.T) {
	for prefix, at := range b.admissions {
		first := 0
		for last := range at {
			for at[last]-at[first] >= second {
				first++
			}
			if n := last - first + 1; n > int(b.burst+b.perSecond) {
				t.Fatalf("%s %s: %d admissions within a second, budget %d + %d", b.name, prefix, n, b.burst, b.perSecond)
			}
		}
	}
}

// A flow that was refused is admitted when it comes back, though every table is
// full of attackers and every bucket as empty as first-timers can make it.
func TestRefusedComesBack(t *testing.T) {
	now := 20 * second
	a, s := crowded(now), newSpray(4)
	limits := defaults
	// Known by now, and its address is spoofed, too.
	router := netip.MustParseAddr("198.51.100.7")
	flood := func(during time.Duration) {
		for end := now + int64(during); now < end; now += second / 50_000 {
			m := s.next()
			if now%2 == 0 {
				m.Router = router
			}
			a.Admit(now, m, &limits)
		}
	}
	genuine := func(n uint32) *classify.Message {
		m := message(n, 1400)
		m.Router = router
		return m
	}
	flood(3 * time.Second)
	for n := range uint32(64) {
		if refused, ok := a.Admit(now, genuine(n), &limits); ok || refused != outcome.Deferred && refused != outcome.LimitedRouter {
			t.Errorf("flow %d as first-timer in a flood: %v %v", n, refused, ok)
		}
	}
	flood(200 * time.Millisecond)
	for n := range uint32(64) {
		if refused, ok := a.Admit(now, genuine(n), &limits); !ok {
			t.Errorf("flow %d as comeback in a flood: refused as %v", n, refused)
		}
	}
}

// Who owes a bucket does not get rid of it by crowding the table.
func TestDebtOutlivesACrowd(t *testing.T) {
	now := 20 * second
	a, s := crowded(now), newSpray(5)
	limits := unlimited
	limits.Client = PerSecond(1, 100)
	for n := range 50 {
		if _, ok := a.Admit(now, toPort(n), &limits); !ok {
			t.Fatalf("message %d was refused", n)
		}
	}
	for range 4 * accountSlots {
		a.Admit(now, s.next(), &limits)
	}
	if refused, ok := a.Admit(now, toPort(50), &limits); ok || refused != outcome.LimitedClient {
		t.Errorf("after a crowd of other clients: %v %v, want limited-client", refused, ok)
	}
}

// toPort is a message about one client's n-th connection.
func toPort(n int) *classify.Message {
	return &classify.Message{Family: classify.IPv4, Flow: classify.MakeFlow(classify.TCP,
		netip.MustParseAddrPort("192.0.2.1:443"), netip.AddrPortFrom(netip.MustParseAddr("203.0.113.1"), uint16(40000+n))), MTU: 1400}
}

// The tables stay as large as they are, and with those of the receiving side
// within 24 MiB.
func TestMemory(t *testing.T) {
	var bytes int
	for _, y := range []memory{New().memory, NewIntake().memory} {
		bytes += len(y.dedup.table)*dedupWays*16 + (len(y.levels.flows.table)+len(y.levels.routers.table))*markWays*8
	}
	bytes += 3 * accountSlots * 16 // clients, routers, peers
	if bytes > 24<<20 {
		t.Errorf("the tables take %d bytes", bytes)
	}
	t.Logf("%.1f MiB", float64(bytes)/(1<<20))
}

// A forger does not get more for a flow by sending it again: neither with ever
// other MTUs, nor in the time of the windows. Flows that had no copy go first.
func TestRepeatedFlowsYield(t *testing.T) {
	const rate, flows = 2000, 64
	now := 20 * second
	a, s := crowded(now), newSpray(6)
	limits := defaults
	n := uint32(0)
	flood := func(during time.Duration) {
		for end := now + int64(during); now < end; now += second / rate {
			n++
			m := message(1000+n%flows, classify.MTU(1280+n/flows%200))
			m.Router = s.address()
			a.Admit(now, m, &limits)
		}
	}
	flood(5 * time.Second)
	for n := range uint32(flows) {
		a.Admit(now, message(n, 1400), &limits)
	}
	flood(200 * time.Millisecond)
	for n := range uint32(flows) {
		if refused, ok := a.Admit(now, message(n, 1400), &limits); !ok && refused != outcome.Duplicate {
			t.Errorf("flow %d as comeback: refused as %v", n, refused)
		}
	}
}

// A reload amid a flood does not add a burst: what was taken stays taken.
func TestReloadKeepsTheBudget(t *testing.T) {
	for _, c := range []struct {
		name     string
		old, new Limits
	}{
		{"lower rate", node(1000, 2000), node(10, 2000)},
		{"higher rate", node(10, 2000), node(1000, 2000)},
		{"lower burst", node(1000, 2000), node(1000, 20)},
		{"lower rate of a client", Limits{free, free, PerSecond(1000, 2000)}, Limits{free, free, PerSecond(10, 2000)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			const flows, budget = 5000, 1000 + 2000
			a, now := New(), second
			client := c.old.Client != free
			admitted := 0
			pour := func(l Limits, base int) {
				for n := range flows {
					m := message(uint32(base+n), 1400)
					if client {
						m = toPort(base + n)
					}
					if _, ok := a.Admit(now, m, &l); ok {
						admitted++
					}
				}
			}
			closed := c.old
			closed.Node = PerSecond(1, 1)
			pour(closed, 0)
			pour(closed, flows)
			now += 5 * second // all of them are comebacks now
			admitted = 0
			pour(c.old, 0)
			now += 300 * millisecond
			pour(c.new, flows)
			if admitted > budget {
				t.Errorf("%d admitted within a second, of a budget of %d", admitted, budget)
			}
			now += second
			if pour(c.new, 0); admitted <= 2000 {
				t.Errorf("%d admitted in all: the new limit does not work", admitted)
			}
		})
	}
}
