package audit

import (
	"iter"
	"net"
	"slices"
)

// Counters of networks: with n messages no prefix with more than n/4096 of them
// is missing, no autonomous system with more than n/1024, no next hop with more
// than n/256; and no count is too large by more than that.
const (
	prefixCounters    = 4096
	systemCounters    = 1024
	neighbourCounters = 256
)

const (
	// MaxNetworks is how many networks a list of a report names, those with most
	// messages.
	MaxNetworks = 50
	// MaxNextHops is how many next hops are kept of one prefix, those seen first.
	MaxNextHops = 4
)

// networks counts where messages of one kind come from. It is for one goroutine.
type networks struct {
	samples    uint64 // all messages
	linked     uint64 // those whose next hop is known
	prefixes   top[origin]
	systems    top[system]
	neighbours top[struct{}]
	lookup     *lookup // nil: systems are not counted
}

// origin is what is kept of a prefix.
type origin struct {
	mtu      majority
	nextHops [MaxNextHops]mac
	known    uint8 // how many of nextHops are set
}

// system is what is kept of an autonomous system.
type system struct {
	mtu    majority
	record uintptr // of the database, with its name
}

func newNetworks(s *Systems) networks {
	n := networks{prefixes: newTop[origin](prefixCounters), neighbours: newTop[struct{}](neighbourCounters)}
	if s != nil {
		n.lookup, n.systems = s.lookup(), newTop[system](systemCounters)
	}
	return n
}

// count counts one message.
func (n *networks) count(s *sample) {
	n.samples++
	o := n.prefixes.add(s.prefixKey())
	if s.mtu != 0 {
		o.mtu.vote(s.mtu)
	}
	if s.from != (mac{}) {
		n.linked++
		n.neighbours.add(macKey(s.from))
		o.cameBy(s.from)
	}
	if n.lookup == nil {
		return
	}
	if number, record, ok := n.lookup.number(s.address()); ok {
		y := n.systems.add(uint64(number))
		y.record = record
		if s.mtu != 0 {
			y.mtu.vote(s.mtu)
		}
	}
}

// cameBy remembers a next hop.
func (o *origin) cameBy(by mac) {
	if !slices.Contains(o.nextHops[:o.known], by) && o.known < MaxNextHops {
		o.nextHops[o.known] = by
		o.known++
	}
}

// report lists the networks, those with most messages first.
func (n *networks) report() NetworkSide {
	r := NetworkSide{Samples: n.samples, Prefixes: []Network{}}
	for e, count := range listed(&n.prefixes) {
		r.Prefixes = append(r.Prefixes, n.network(prefixOf(e.key).String(), count, e.error, e.detail.mtu))
	}
	if n.lookup != nil {
		for e, count := range listed(&n.systems) {
			r.Systems = append(r.Systems, n.network(n.lookup.name(e.key, e.detail.record), count, e.error, e.detail.mtu))
		}
	}
	for e, count := range listed(&n.neighbours) {
		r.NextHops = append(r.NextHops, Inbound{
			MAC: macText(macOf(e.key)), Count: count, Error: e.error, Share: share(count, n.linked),
		})
	}
	r.Several = n.several()
	return r
}

func (n *networks) network(name string, count, tooMany uint64, m majority) Network {
	return Network{Name: name, Count: count, Error: tooMany, Share: share(count, n.samples), MTU: m.won()}
}

// several lists the prefixes that came in by more than one next hop, each since it
// got its counter, for before that the counter was another's.
func (n *networks) several() (all []Several) {
	for e, count := range n.prefixes.byRank() {
		if e.detail.known < 2 {
			continue
		}
		s := Several{Prefix: prefixOf(e.key).String(), Count: count - e.error}
		for _, m := range e.detail.nextHops[:e.detail.known] {
			s.MACs = append(s.MACs, macText(m))
		}
		if all = append(all, s); len(all) == MaxNetworks {
			break
		}
	}
	return all
}

// listed yields the first MaxNetworks entries.
func listed[D any](t *top[D]) iter.Seq2[*entry[D], uint64] {
	return func(yield func(*entry[D], uint64) bool) {
		left := MaxNetworks
		for e, count := range t.byRank() {
			if left--; left < 0 || !yield(e, count) {
				return
			}
		}
	}
}

func macText(m mac) string { return net.HardwareAddr(m[:]).String() }
