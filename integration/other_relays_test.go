package integration

import (
	"testing"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// Relays of another make on the same segment, on the same servers even, add
// their own copy and no more.
func TestForeignRelaysMakeNoLoop(t *testing.T) {
	t.Parallel() // it waits more than it works
	// What cloudflare/pmtud takes: all but frames to the broadcast address.
	unicast := []lab.PacketType{lab.PacketHost, lab.PacketOtherHost}
	for name, c := range map[string]struct {
		ours, foreign []int
		takes         []lab.PacketType
		frames        []int // by the server that the PTB came to
	}{
		"beside":               {ours: []int{0}, foreign: []int{1, 2}, takes: unicast, frames: []int{1, 1, 1}},
		"on the same":          {ours: []int{0, 1, 2}, foreign: []int{0, 1, 2}, takes: unicast, frames: []int{2, 2, 2}},
		"one repeating copies": {ours: []int{0, 1, 2}, foreign: []int{1}, takes: append(unicast, lab.PacketBroadcast), frames: []int{2, 2, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			l := labtest.New(t, lab.Options{Clients: 1})
			for _, i := range c.ours {
				labtest.StartRelay(t, l.Servers[i])
			}
			for _, i := range c.foreign {
				startForeign(t, l.Servers[i], c.takes)
			}
			w := watchWire(t, l)
			for server, frames := range c.frames {
				w.send(server, uint16(44000+server))
				w.expect(len(lab.Families()) * frames)
			}
			for _, i := range c.ours {
				checkReceived(t, l.Servers[i], 2) // what the router sent it
			}
		})
	}
}

// foreignLimit ends a foreign relay that has got into a loop.
const foreignLimit = 1000

// startForeign relays on a server until the test ends: every PTB that comes in
// by a frame of these types goes out again as a broadcast frame, without limit and
// without memory.
func startForeign(t *testing.T, n *lab.Node, takes []lab.PacketType) {
	t.Helper()
	from := labtest.MAC(t, n, "eth0")
	tap := labtest.TapWith(t, n, "eth0", lab.TapOptions{Types: takes})
	done := make(chan struct{})
	t.Cleanup(func() { <-done }) // before the tap is closed
	go func() {
		defer close(done)
		for next := 0; next < foreignLimit; {
			frames, err := tap.Wait(t.Context(), func(f []lab.Frame) bool { return len(f) > next })
			if err != nil {
				return // the test has ended
			}
			for _, p := range lab.PTBs(frames[next:]) {
				if err := n.SendFrame("eth0", labtest.Ethernet(labtest.Broadcast, from, p.Frame.Data[14:])); err != nil {
					t.Error(err)
					return
				}
			}
			next = len(frames)
		}
	}()
}
