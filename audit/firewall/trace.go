package firewall

import "cmp"

// trace is what rules did to the marks of a packet, in whichever way it came.
type trace struct {
	events []event
	known  map[event]bool // those that are in events
	// recalled are the bits of the mark that may be of the connection's.
	recalled uint32
	// rules is how many were walked.
	rules int
	// looked: some rule looked at the TOS byte.
	looked bool
	// unclear is a rule that may have, in a way that is not understood, before the
	// packet went one way or another; notracked one that had conntrack pass over it.
	unclear, notracked *site
}

// mostEvents are kept of one packet.
const mostEvents = 1 << 9

// event is a mark written, or a turn taken, by a rule below a base chain.
type event struct {
	base   *chain
	site   site
	before mark
	write  write
	// turn is where a rule that looked at the TOS byte has the packet go; the zero
	// verdict: nowhere but on.
	turn verdict
	// how are the rule's matches up to that.
	how matches
	// unclear: the rule may have looked at the TOS byte in a way that is not
	// understood.
	unclear bool
}

// mark is one of which some bits are known.
type mark struct{ value, known uint32 }

func (s state) packetMark() mark { return mark{s.mark, s.markKnown} }

// is reports whether it has a value in the bits of mask.
func (m mark) is(value, mask uint32) match {
	switch {
	case (m.value^value)&mask&m.known != 0:
		return no
	case mask&^m.known == 0:
		return yes
	}
	return maybe
}

// matches are what the expressions of a rule said, two bits each, the last one lowest;
// those of very long rules fall off.
type matches uint64

func (h matches) with(m match) matches { return h<<2 | matches(m) }

// write notes what the last expression wrote, if anything.
func (t *trace) write(base *chain, at *site, before state, how matches, r *run) {
	if r.wrote == nil {
		return
	}
	e := event{base: base, site: *at, before: before.packetMark(), write: *r.wrote, how: how, unclear: r.unclear}
	if e.write.connection {
		e.before = mark{} // the packet's is no matter
	} else if r.recalled {
		e.write.recalled = e.write.changed
	}
	t.add(e)
}

// turn notes where the last expression had the packet go. What is dropped goes nowhere.
func (t *trace) turn(base *chain, at *site, how matches, r *run) {
	if !r.looked {
		return
	}
	for _, v := range r.verdicts {
		if v.kind != verdictContinue && v.kind != verdictDrop {
			t.add(event{base: base, site: *at, turn: v, how: how})
		}
	}
}

func (t *trace) add(e event) {
	t.recalled |= e.write.recalled
	if t.known[e] {
		return
	}
	if len(t.events) == mostEvents {
		t.unclear = cmp.Or(t.unclear, &e.site)
		return
	}
	if t.known == nil {
		t.known = make(map[event]bool)
	}
	t.known[e] = true
	t.events = append(t.events, e)
}

// anything notes that what is there is not known.
func (t *trace) anything(at *site) {
	t.unclear, t.notracked = cmp.Or(t.unclear, at), cmp.Or(t.notracked, at)
}

// note notes how a rule went.
func (t *trace) note(r *run, at *site) {
	t.rules++
	t.looked = t.looked || r.looked
	if len(r.verdicts) == 0 {
		return
	}
	if r.unclear {
		t.unclear = cmp.Or(t.unclear, at)
	}
	if r.recalled {
		t.recalled = ^uint32(0)
	}
}
