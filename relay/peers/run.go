package peers

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
)

// maxLogged bounds the lines about one change of the set.
const maxLogged = 20

// run is the state of [Peers.Run], of its goroutine alone.
type run struct {
	*Peers
	changed func([]netip.AddrPort)
	slots   []*slot // of the sources that are configured, in their order
	reports chan report
	nobody  trouble
	tooMany trouble
}

func newRun(p *Peers, changed func([]netip.AddrPort)) *run {
	return &run{
		Peers:   p,
		changed: changed,
		reports: make(chan report),
		nobody:  trouble{log: p.log, level: slog.LevelWarn},
		tooMany: trouble{log: p.log, level: slog.LevelError},
	}
}

// adopt starts and stops sources so that they are those of the configuration.
func (r *run) adopt(ctx context.Context) {
	before := make(map[string]*slot)
	for _, s := range r.slots {
		before[s.name] = s
	}
	r.slots = nil
	for _, wanted := range r.sources() {
		old := before[wanted.name]
		if old != nil && old.source.same(wanted.source) {
			delete(before, wanted.name)
			r.slots = append(r.slots, old)
			continue
		}
		var found []netip.AddrPort
		if old != nil {
			found = old.found
		}
		r.slots = append(r.slots, start(ctx, wanted.name, wanted.source, found, r.reports))
	}
	for _, s := range before {
		s.stop()
	}
}

func (r *run) stop() {
	for _, s := range r.slots {
		s.stop()
	}
}

// publish merges what the sources gave and tells who wants to know; first, also
// where that is nobody.
func (r *run) publish(first bool) {
	next := r.bound(merge(r.slots, r.ownNow()))
	last := r.List()
	added, removed := without(next, last), without(last, next)
	r.logChange(added, removed)
	r.store(next, unresolved(r.slots))
	r.noteNobody(len(next))
	if first || len(added)+len(removed) > 0 {
		r.changed(addresses(next))
	}
}

func (r *run) bound(set []Peer) []Peer {
	if len(set) <= maxPeers {
		r.tooMany.end("not too many peers any more", "peers", len(set))
		return set
	}
	r.tooMany.begin("many", fmt.Sprintf("too many peers, only %d are sent to; name fewer", maxPeers), "peers", len(set))
	slices.SortStableFunc(set, func(a, b Peer) int { return cmp.Compare(rank(a), rank(b)) })
	set = set[:maxPeers]
	slices.SortFunc(set, func(a, b Peer) int { return a.Address.Compare(b.Address) })
	return set
}

func (r *run) logChange(added, removed []Peer) {
	lines := 0
	each := func(message string, peers []Peer) {
		for _, p := range peers {
			if lines++; lines <= maxLogged {
				r.log.Info(message, "peer", p.Address, "source", strings.Join(p.Sources, ","))
			}
		}
	}
	each("peer added", added)
	each("peer removed", removed)
	if lines > maxLogged {
		r.log.Info("more peers changed", "added", len(added), "removed", len(removed), "shown", maxLogged)
	}
}

// unresolved counts, by source, what has given nothing yet.
func unresolved(slots []*slot) map[string]int {
	counts := make(map[string]int, len(slots))
	for _, s := range slots {
		n := counts[s.name]
		if !s.resolved {
			n++
		}
		counts[s.name] = n
	}
	return counts
}

// noteNobody warns of an empty set once every source has looked.
func (r *run) noteNobody(peers int) {
	if peers > 0 {
		r.nobody.end("there are peers")
		return
	}
	for _, s := range r.slots {
		if !s.known {
			return
		}
	}
	r.nobody.begin("nobody", "no peers: nobody gets a copy; name the other servers with peers.static, peers.file or peers.dns (this server's own addresses and VIPs do not count)")
}

// rank is what is kept first where there are too many: what the operator wrote goes
// before what a resolver says.
func rank(p Peer) int { return slices.Index([]string{Static, File, DNSName}, p.Sources[0]) }
