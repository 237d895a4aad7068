package simulation

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"net/netip"

	"ptbrelay/classify"
)

// source gives PTBs in the order of time.
type source interface {
	// next is when the next PTB comes in, math.MaxInt64 where none is left.
	next() int64
	// take fills in that PTB and returns the real flow that provoked it, nil
	// where it is forged.
	take(m *classify.Message) *flow
}

const never = int64(math.MaxInt64)

// crowd is real flows behind one router.
type crowd struct {
	flows  []*flow
	queue  byTime  // flows that go on
	router *bucket // what the router can emit; nil: all
	ready  bool    // the router has emitted what stands first
}

// firstPort is below Linux's range of ephemeral ports.
const firstPort = 20000

// people describes a crowd.
type people struct {
	flows     int
	perClient int     // flows of one client
	from, to  int64   // ns between which they start, evenly at random
	maxRTT    int64   // ns; round trips are even at random below it, at most maxRTT
	emits     float64 // PTBs a second that their router emits, and at once after a quiet second; 0: all
	first     uint32  // number of the first client
}

func newCrowd(p people, random *rand.Rand) *crowd {
	c := &crowd{}
	if p.emits != 0 {
		b := newBucket(p.emits, p.emits)
		c.router = &b
	}
	for i := range p.flows {
		from := netip.AddrPortFrom(client(p.first+uint32(i/p.perClient)), uint16(firstPort+i%p.perClient))
		leaves, rtt := p.from+random.Int64N(p.to-p.from), random.Int64N(p.maxRTT)
		c.flows = append(c.flows, newFlow(from, leaves, rtt, rand.New(rand.NewPCG(random.Uint64(), 0))))
	}
	c.queue = append(c.queue, c.flows...)
	heap.Init(&c.queue)
	return c
}

func (c *crowd) next() int64 {
	for !c.ready && len(c.queue) > 0 {
		f := c.queue[0]
		switch {
		case f.silent():
			heap.Pop(&c.queue)
		case c.router == nil || c.router.take(f.at()):
			c.ready = true
		default:
			c.goOn(f)
		}
	}
	if !c.ready {
		return never
	}
	return c.queue[0].at()
}

func (c *crowd) take(m *classify.Message) *flow {
	f := c.queue[0]
	fill(m, realRouter, f.client)
	c.goOn(f)
	c.ready = false
	return f
}

// goOn moves the flow, which stands first, on to its next segment.
func (c *crowd) goOn(f *flow) {
	f.advance()
	heap.Fix(&c.queue, 0)
}

// byTime is a heap of flows; of two at one time the lower client comes first,
// so that the order is the same in every run.
type byTime []*flow

func (q byTime) Len() int      { return len(q) }
func (q byTime) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q byTime) Less(i, j int) bool {
	if a, b := q[i].at(), q[j].at(); a != b {
		return a < b
	}
	return q[i].client.Compare(q[j].client) < 0
}
func (q *byTime) Push(f any) { *q = append(*q, f.(*flow)) }

func (q *byTime) Pop() any {
	last := len(*q) - 1
	f := (*q)[last]
	*q = (*q)[:last]
	return f
}
