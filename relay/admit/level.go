package admit

// level says how far down a message may empty a bucket.
type level uint8

const (
	// firstTimer: a flow that was not seen before.
	firstTimer level = iota
	// knownRouter: the same, behind a router that was. A spray with random
	// sources has none; real routers that speak of many flows do.
	knownRouter
	// repeated: a comeback that had a copy already, of whatever MTU. The copy may
	// be lost, but a forger's flow is worth no more than one of those that had none.
	repeated
	// comeback: a flow first seen between proven and forgotten ago, and not copied
	// since.
	comeback
)

// reserve is what must be left of a bucket, more than that, before the level
// may take a token; in nanoseconds of its depth.
func (l level) reserve(r Rate) int64 {
	switch l {
	case firstTimer:
		return r.depth / 2
	case knownRouter:
		return r.depth / 4
	case repeated:
		return r.depth / 8
	case comeback:
	}
	return 0
}

// In milliseconds. Below proven are the PTBs of one burst of segments; TCP's
// first retransmission is later (200 ms at least on Linux).
const (
	proven    = uint32(firstWindow / millisecond)
	forgotten = uint32(longestMemory / millisecond)
)

// Sizes of the two memories, 8 bytes each. Flows hold 5 s of all first-timers
// that the default node guard lets through (100 000/s), so a sender's first
// three retransmissions are known as such in any flood. Routers hold 2.6 s of the
// same: one that can emit few PTBs, and speaks again only with the next
// retransmissions, is not forgotten meanwhile.
const (
	flowMarks   = 1 << 19
	routerMarks = 1 << 18
)

// levels remembers flows and routers, admitted or not.
type levels struct {
	flows, routers marks
}

func newLevels() levels {
	return levels{flows: newMarks(flowMarks), routers: newMarks(routerMarks)}
}

// touch loads the cache lines that of will need.
func (l *levels) touch(flow, router uint64) uint64 {
	return l.flows.touch(flow) ^ l.routers.touch(router)
}

// of is the level of a message, whose flow and router are remembered by it, and
// the mark of its flow.
func (l *levels) of(now int64, flow, router uint64) (level, *mark) {
	ms := uint32(now / millisecond)
	behind := l.behind(ms, router)
	m := l.flows.find(ms, flow)
	switch age := ms - m.first; {
	case age > forgotten:
		m.first = ms
		m.tag &^= copied
	case age >= proven && m.tag&copied != 0:
		return repeated, m
	case age >= proven:
		return comeback, m
	}
	return behind, m
}

// behind is the level of a first-timer of this router. A known one is marked
// anew with every sighting, as if first seen just long enough ago: it stays
// known, and the table gives up others first.
func (l *levels) behind(ms uint32, router uint64) level {
	m := l.routers.find(ms, router)
	if ms-m.first < proven {
		return firstTimer
	}
	m.first = ms - proven
	return knownRouter
}
