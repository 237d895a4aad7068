package integration

import (
	"bytes"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// ptbs are one PTB of each family about a flow that no server owns.
func ptbs(clientPort uint16) []classifytest.PTB {
	return []classifytest.PTB{
		{Family: classify.IPv4, ClientPort: clientPort},
		{Family: classify.IPv6, ClientPort: clientPort},
	}
}

// broadcasts are the PTBs among frames that came as Ethernet broadcast.
func broadcasts(frames []lab.Frame) (found []lab.PTB) {
	for _, p := range lab.PTBs(frames) {
		if p.To == labtest.Broadcast {
			found = append(found, p)
		}
	}
	return found
}

// One new PTB makes one broadcast frame, verbatim, TTL included; its duplicate
// makes none while the window is open; afterwards the next one makes a second.
func TestOneFrameForOnePTB(t *testing.T) {
	for _, ptb := range ptbs(40001) {
		t.Run(ptb.Family.String(), func(t *testing.T) {
			l := labtest.New(t, lab.Options{Clients: 1})
			labtest.StartRelays(t, l)
			there := labtest.Tap(t, l.Servers[1], "eth0")
			packet := ptb.Bytes()

			labtest.FromRouter(t, l, 0, packet)
			await(t, l.Servers[0], outcomeMetric(ptb.Family.String(), "relayed"), 1)
			first := broadcasts(labtest.Fence(t, l.Servers[0], "eth0", there))
			if len(first) != 1 {
				t.Fatalf("%d broadcast frames for one PTB", len(first))
			}
			if got := first[0].Frame.Data[14:]; !bytes.Equal(got, packet) {
				t.Errorf("the copy differs from the PTB:\n% x\n% x", got, packet)
			}
			if from := labtest.MAC(t, l.Servers[0], "eth0"); first[0].From != from {
				t.Errorf("the copy's source is %x, not the interface's %x", first[0].From, from)
			}

			again := awaitSecond(t, l, there, packet)
			const late = 20 * time.Millisecond // the first copy may be, after the window has begun
			if apart := again.Frame.Time.Sub(first[0].Frame.Time); apart < 150*time.Millisecond-late || apart > time.Second {
				t.Errorf("the second copy came %v after the first, want 150 ms or a little more", apart)
			}
			m := metricsOf(t, l.Servers[0])
			if m[outcomeMetric(ptb.Family.String(), "relayed")] != 2 || m[outcomeMetric(ptb.Family.String(), "duplicate")] == 0 {
				t.Errorf("relayed %v, duplicate %v", m[outcomeMetric(ptb.Family.String(), "relayed")], m[outcomeMetric(ptb.Family.String(), "duplicate")])
			}
			checkLaws(t, l.Servers[0])
		})
	}
}

// awaitSecond repeats a PTB every few milliseconds until a second copy of it
// has come by.
func awaitSecond(t *testing.T, l *lab.Lab, there *lab.Tap, packet []byte) (second lab.PTB) {
	t.Helper()
	labtest.Eventually(t, 5*time.Second, "a second copy", func() error {
		found := broadcasts(there.Frames())
		if len(found) > 1 {
			second = found[1]
			return nil
		}
		labtest.FromRouter(t, l, 0, packet)
		return errNotYet
	})
	return second
}

// Nothing is relayed twice: with a daemon on every server the bridge sees one
// frame a PTB, also after a marker behind it has reached every server. The log
// is in order, so when a server has handled a PTB of its own it would have
// handled the copy before it.
func TestCopiesAreNotRelayed(t *testing.T) {
	for _, ptb := range ptbs(40002) {
		t.Run(ptb.Family.String(), func(t *testing.T) {
			l := labtest.New(t, lab.Options{Clients: 1})
			labtest.StartRelays(t, l)
			bridge := labtest.Tap(t, l.Switch, "br0")
			taps := labtest.TapServers(t, l)
			family := ptb.Family.String()
			for server := range l.Servers {
				own := ptb
				own.ClientPort += uint16(server)
				labtest.FromRouter(t, l, server, own.Bytes())
				await(t, l.Servers[server], outcomeMetric(family, "relayed"), 1)
				catchUp(t, l, taps)
				if found := lab.PTBs(labtest.Fence(t, l.Servers[server], "eth0", bridge)); len(found) != server+1 {
					t.Fatalf("the bridge saw %d PTB frames for %d PTBs", len(found), server+1)
				}
			}
			for _, s := range l.Servers {
				m := metricsOf(t, s)
				if got := m[`ptbrelay_received_total{family="`+family+`",from="wire"}`]; got != 1 {
					t.Errorf("%s received %v messages, want its own one", s.Name(), got)
				}
				if m[`ptbrelay_copies_total{transport="broadcast"}`] != 1 {
					t.Errorf("%s made %v copies, want 1", s.Name(), m[`ptbrelay_copies_total{transport="broadcast"}`])
				}
			}
		})
	}
}
