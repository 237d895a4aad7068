package transport

import (
	"testing"
	"time"
)

// refusals are datagrams of every kind that an opener with key 1 and the own
// session {7} refuses before it may try an unknown session, or in one that it
// knows: the session of s.
func refusals(s *sealer) map[string][]byte {
	all := make(map[string][]byte)
	for _, f := range faults() {
		all[f.name] = f.spoil(sealAt(s, testStart))
	}
	probe, _ := s.seal(nil, TypeProbe, nil, testStart)
	all["too short"] = probe[:minDatagram-1]
	all["ahead"] = sealAt(s, testStart.Add(time.Hour))
	return all
}

// Nothing that comes in costs memory, but for the sessions that are new.
func TestOpenDoesNotAllocate(t *testing.T) {
	s := newSealer(testKey(1))
	o := testOpener(testKey(1))
	o.addSelf(session{7})
	dst := make([]byte, 0, MaxPacket)
	longest := make([]byte, MaxPacket)
	checkOpen(t, "first", o, sealAt(s, testStart), testStart, Opened)
	slot := make([]byte, 0, maxDatagram)
	genuine, _ := s.seal(slot, TypePTB, longest, testStart)
	if n := testing.AllocsPerRun(100, func() {
		o.open(dst, genuine, true, testStart) // after the first time: replayed
	}); n != 0 {
		t.Errorf("replayed: %v allocations", n)
	}
	var sealed [][]byte
	for range 101 {
		sealed = append(sealed, sealAt(s, testStart))
	}
	if n := testing.AllocsPerRun(100, func() {
		if _, _, r := o.open(dst, sealed[0], true, testStart); r != Opened {
			t.Error(r)
		}
		sealed = sealed[1:]
	}); n != 0 {
		t.Errorf("opened: %v allocations", n)
	}
	tries(t, o, true, testStart)
	refused := refusals(s)
	refused["limited"] = forgedSession()
	for name, d := range refused {
		if n := testing.AllocsPerRun(100, func() {
			if _, _, r := o.open(dst, d, true, testStart); r == Opened {
				t.Error("opened")
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
