package audit

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
	"time"

	"ptbrelay/classify"
)

// Observations is what messages have said since the start: exact distributions of
// values, and the networks with most messages by [top]'s bounds. PTBs are
// observed by one goroutine, SYNs by the same or another; reports may be taken by
// any at any time.
//
// All memory is fixed and there from the start, 3.5 MiB in sum: of each kind 1 for
// the values and 0.45 for the networks, and where there are queues 0.53 for both. A
// database of autonomous systems comes on top, as large as its file.
type Observations struct {
	ptbs, syns side
	// By family: SYNs without an MSS, and those captured too short to tell.
	absent, cut [2]atomic.Uint64
}

// Slots of the queues. That of PTBs takes what the kernel's guard lets through
// between two drains, 10 000, with room to spare.
const (
	ptbSlots   = 1 << 14
	synSlots   = 1 << 10
	drainEvery = 100 * time.Millisecond
)

// NewObservations returns empty ones that count networks at once: for files, and
// for captures of which nothing else depends. systems may be nil.
func NewObservations(systems *Systems) *Observations {
	o := new(Observations)
	o.ptbs.networks, o.syns.networks = newNetworks(systems), newNetworks(systems)
	return o
}

// NewQueuedObservations returns empty ones that leave the counting of networks to
// [Observations.Run], so that observing takes no lock. What comes while the queue
// is full is not looked at for its network, and counted as missed.
func NewQueuedObservations(systems *Systems) *Observations {
	o := NewObservations(systems)
	o.ptbs.queue, o.syns.queue = newQueue(ptbSlots), newQueue(synSlots)
	return o
}

// Run counts networks until the context ends.
func (o *Observations) Run(ctx context.Context) {
	tick := time.NewTicker(drainEvery)
	defer tick.Stop()
	for {
		o.ptbs.drain()
		o.syns.drain()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// NextHopMTU is the distribution of the MTUs that PTBs report.
func (o *Observations) NextHopMTU() *Distribution { return &o.ptbs.values }

// Observe counts a PTB for us, whatever its verdict; from is the Ethernet address
// that the frame came from, zero where it is not known.
func (o *Observations) Observe(m *classify.Message, from [6]byte) {
	if m.Family == classify.FamilyUnknown {
		return
	}
	o.ptbs.values.add(m.Family, uint32(m.MTU))
	o.ptbs.saw(sample{source: m.Router.As16(), mtu: uint32(m.MTU), family: m.Family, from: from})
}

// ObserveSYN counts a SYN.
func (o *Observations) ObserveSYN(s *classify.SYN, from [6]byte) {
	if s.Family == classify.FamilyUnknown {
		return
	}
	var mtu uint32
	switch {
	case s.HasMSS:
		o.syns.values.add(s.Family, uint32(s.MSS))
		mtu = uint32(s.MSS) + headers(s.Family)
	case s.Cut:
		o.cut[place(s.Family)].Add(1)
	default:
		o.absent[place(s.Family)].Add(1)
	}
	o.syns.saw(sample{source: s.Client.As16(), mtu: mtu, family: s.Family, from: from})
}

// Fill sets of a report what was observed: all but the packets, the verdicts and
// what was lost, which others count.
//
// SYNs without an MSS are not among the samples of an edge. A server sends such a
// client no more than 576 or 1280 bytes (RFC 9293 §3.7.1), so it needs no discovery
// with any of the lines; but they tell nothing of its path, and many come from
// scanners that never open the connection.
func (o *Observations) Fill(r *Report) {
	var ofPTBs, ofSYNs []Edge
	r.NextHopMTU, ofPTBs = o.ptbs.fill(PathPTBs, func(classify.Family) uint32 { return 0 })
	r.MSS, ofSYNs = o.syns.fill(ClientMSS, headers)
	r.Edge = append(ofSYNs, ofPTBs...)
	slices.SortStableFunc(r.Edge, func(a, b Edge) int { return cmp.Compare(a.Family, b.Family) })
	r.Messages.SYNs = make(map[string]uint64)
	for i := range r.MSS {
		v := &r.MSS[i]
		v.Absent, v.Cut = o.absent[i].Load(), o.cut[i].Load()
		r.Messages.SYNs[v.Family] = v.Samples + v.Absent + v.Cut
	}
	r.Networks = Networks{PTBs: o.ptbs.report(), SYNs: o.syns.report()}
}
