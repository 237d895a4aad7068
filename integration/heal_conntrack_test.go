package integration

import (
	"testing"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// Firewalls that drop what conntrack calls invalid drop every PTB on the wrong
// server. The log comes before them, and the copy, its destination kept, is
// related at the owner.
func TestHealsWithInvalidDropped(t *testing.T) {
	l := labtest.New(t, lab.Options{})
	for _, s := range l.Servers {
		labtest.Drop(t, s, labtest.CTInvalid())
	}
	taps := labtest.TapServers(t, l)
	labtest.StartRelays(t, l)
	r := labtest.Downloads(t, l, lab.Load{})
	if err := r.CheckHash(l.Landings(taps)); err != nil {
		t.Fatal(err)
	}
	allFinished(t, r)
	checkSlowest(t, r)
	var dropped uint64
	for _, s := range l.Servers {
		checkLaws(t, s)
		dropped += labtest.Dropped(t, s)
	}
	if dropped == 0 {
		t.Error("conntrack called nothing invalid: the rule was not tried")
	}
	t.Logf("%v; %d packets dropped as invalid", r.Summary(), dropped)
}
