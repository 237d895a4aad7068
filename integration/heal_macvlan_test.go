package integration

import (
	"testing"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// An interface that stands on another heals as well, and its own broadcasts do
// not come back to it: one PTB makes one frame.
func TestHealsOnMacvlan(t *testing.T) {
	o := lab.Options{Macvlan: true}
	healed(t, o, nil)

	o.Clients = 1
	l := labtest.New(t, o)
	labtest.StartRelays(t, l)
	w := watchWire(t, l)
	for server := range l.Servers {
		w.send(server, uint16(42000+server))
		w.expect(2)
	}
	for _, s := range l.Servers {
		checkReceived(t, s, 2)
	}
}
