package firewall

import "fmt"

// write is what an expression writes to the packet's mark, or the connection's.
type write struct {
	connection bool
	// value of which some bits are known; changed are those that may differ from the
	// mark before.
	value, known, changed uint32
	// recalled are those that may be of the connection's mark.
	recalled uint32
}

// anyMark is what rules may write that are not known.
var anyMark = write{changed: ^uint32(0)}

func (w write) mark() mark { return mark{w.value, w.known} }

// setMark sets the packet's mark.
func (r *run) setMark(value, known, changed uint32) {
	r.mark, r.markKnown = value&known, known
	r.wrote = &write{value: value & known, known: known, changed: changed}
}

// setConnectionMark sets the connection's, if there is one.
func (r *run) setConnectionMark(value, known uint32) {
	if r.track.connection() != no {
		r.wrote = &write{connection: true, value: value & known, known: known}
	}
}

// markPacket is "meta mark set".
type markPacket struct{ source int }

func (x markPacket) eval(r *run) match {
	w := r.get(x.source, 4)
	value, known := w.number()
	r.setMark(value, known, ^w.of(packetMark))
	r.wrote.recalled = w.of(connectionMark)
	return yes
}

func (x markPacket) tell(s *speech) string { return "meta mark set " + s.value(x.source) }

// of are the bits of a mark that is to be set that are those of another one.
func (w word) of(mark *origin) uint32 {
	same := make(word, len(w))
	for i, o := range w {
		if o.from == mark && int(o.at) == i {
			same[i].known = ^o.known
		}
	}
	_, bits := same.number()
	return bits
}

// markConnection is "ct mark set".
type markConnection struct{ source int }

func (x markConnection) eval(r *run) match {
	r.setConnectionMark(r.get(x.source, 4).number())
	return yes
}

func (x markConnection) tell(s *speech) string { return ctMarkName + " set " + s.value(x.source) }

// changeMark is "mark & ^mask ^ bits" (mark_tg in net/netfilter/xt_mark.c).
type changeMark struct{ bits, mask uint32 }

func (x changeMark) eval(r *run) match {
	r.setMark(r.mark&^x.mask^x.bits, r.markKnown|x.mask, x.mask|x.bits)
	return yes
}

func (x changeMark) tell(*speech) string {
	return fmt.Sprintf("MARK --set-xmark 0x%x/0x%x", x.bits, x.mask)
}

// forgetMark sets the mark to what is not known.
type forgetMark struct{}

func (forgetMark) eval(r *run) match {
	r.setMark(0, 0, ^uint32(0))
	return yes
}

func (forgetMark) tell(*speech) string { return "meta mark set …" }
