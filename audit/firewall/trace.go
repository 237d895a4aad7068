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
const mostEvents = 1 << 12

// event is a mark written, or a turn taken, by a rule below a base chain.
type event struct {
	base   *chain
	site   site
	before mark
	write  write
	turn   turn
	// unclear: the rule may have looked at the TOS byte in a way that is not
	// understood.
	unclear bool
}

// turn is where a rule that looked at the TOS byte has the packet go, surely or
// perhaps. The zero turn: nowhere but on.
type turn struct {
	verdict verdict
	sure    match
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

// write notes what the last expression wrote, if anything.
func (t *trace) write(base *chain, at *site, before state, r *run) {
	if r.wrote == nil {
		return
	}
	e := event{base: base, site: *at, before: before.packetMark(), write: *r.wrote, unclear: r.unclear}
	if e.write.connection {
		e.before = mark{} // the packet's is no matter
	} else if r.recalled {
		e.write.recalled = e.write.changed
	}
	t.add(e)
}

// turn notes where the last expression had the packet go. What is dropped goes nowhere.
func (t *trace) turn(base *chain, at *site, sure match, r *run) {
	if !r.looked || sure == no {
		return
	}
	for _, v := range r.verdicts {
		if v.kind != verdictContinue && v.kind != verdictDrop {
			t.add(event{base: base, site: *at, turn: turn{v, sure}})
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
