package integration

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/transport"
)

// crowd are members that have the key and seal, at rates above what a member's own
// budget allows, PTBs about ever new flows for one server.
type crowd struct {
	forger   *forger
	frame    labtest.UDPFrame
	members  []netip.AddrPort
	sessions []*session
	counters []uint64
	ptb      []byte
	sealed   []byte
}

// crowdSize is how many members there are. The first is loudest times as loud as
// each other: otherwise the budget of the whole would be spent before any member's
// own is.
const (
	crowdSize = 8
	loudest   = 4
	shares    = loudest + crowdSize - 1
)

// crowdAddresses are those of members in a rack that the lab does not have.
func crowdAddresses() (members []netip.AddrPort) {
	a := netip.MustParseAddr("198.51.100.64")
	for range crowdSize {
		members = append(members, netip.AddrPortFrom(a, udpPort))
		a = a.Next()
	}
	return members
}

func newCrowd(t testing.TB, l *lab.Lab, server int) *crowd {
	t.Helper()
	c := &crowd{
		forger: newForger(t, l, forgery{}, server), frame: labtest.NewUDPFrame(t, l, server, udpPort),
		members: crowdAddresses(), counters: make([]uint64, crowdSize),
	}
	for range c.members {
		c.sessions = append(c.sessions, newSession(t, labtest.Key(0)))
	}
	return c
}

// fill is for [lab.Stream].
func (c *crowd) fill(n int, buf []byte) []byte {
	const ether = 14
	member := max(0, n%shares-loudest+1)
	s := c.sessions[member]
	header := s.header(transport.TypePTB, c.counters[member], time.Now())
	c.counters[member]++
	c.ptb = c.forger.fill(n, c.ptb)
	c.sealed = s.seal(c.sealed[:0], header, c.ptb[ether:])
	return c.frame.Put(buf, c.members[member], c.sealed)
}

const (
	// sealedRate is how many a second each of the crowd seals, more than the 1000
	// of relay.limits.node.
	sealedRate = 1100
	// sealedSeconds bounds the crowd's flood.
	sealedSeconds = 60
	// slower is by how much rates and budgets are lower where the daemons have the
	// race detector in them.
	slower = 4
)

// peerBudget are the limits of what peers send: those of the reference, or a part
// of each.
type peerBudget struct{ rate, peer, peerBurst, deliver, deliverBurst int }

func newPeerBudget() peerBudget {
	b := peerBudget{sealedRate, 1000, 2000, 5000, 10000}
	if labtest.RaceEnabled {
		for _, v := range []*int{&b.rate, &b.peer, &b.peerBurst, &b.deliver, &b.deliverBurst} {
			*v /= slower
		}
	}
	return b
}

func (b peerBudget) config() string {
	return fmt.Sprintf("relay: {limits: {peer: %d, peer_burst: %d, deliver: %d, deliver_burst: %d}}\n", b.peer, b.peerBurst, b.deliver, b.deliverBurst)
}

// Eight members that have the key send every server as much as they can: no server
// injects more than its budget in any second, and every download through the black
// hole finishes meanwhile.
func TestSealedPeersAtFullRate(t *testing.T) {
	budget := newPeerBudget()
	l := labtest.New(t, lab.Options{Shape: lab.ShapeRouted})
	args := []string{"--config", writeConfig(t, budget.config())}
	for _, a := range crowdAddresses() {
		args = append(args, "--peer", a.String())
	}
	for _, s := range l.Servers {
		labtest.WriteKeys(t, s, labtest.Key(0))
		labtest.StartUDPRelay(t, s, append(labtest.Peers(l, lab.IPv4), args...)...)
	}
	taps := labtest.TapServers(t, l)
	var lo []*injections
	var floods []*labtest.Flood
	for i, s := range l.Servers {
		lo = append(lo, countInjections(t, s))
		floods = append(floods, labtest.StartFloodToward(t, l, i, lab.Stream{
			Rate: shares * budget.rate, Count: shares * budget.rate * sealedSeconds, Fill: newCrowd(t, l, i).fill,
		}))
	}
	for _, limit := range []string{"limited-peer", "limited-delivery"} {
		awaitLimited(t, l, limit)
	}
	r := labtest.Downloads(t, l, lab.Load{Spread: 1500 * time.Millisecond})
	for i, f := range floods {
		if !f.Running() {
			t.Errorf("server %d: the flood was over too early", i)
		}
		f.Stop()
	}
	for i, s := range l.Servers {
		awaitRest(t, s)
		checkLaws(t, s)
		lo[i].check(budget)
	}
	if err := r.CheckHash(l.Landings(taps)); err != nil {
		t.Fatal(err)
	}
	allFinished(t, r)
}

// awaitLimited waits until every server has limited messages of both families.
func awaitLimited(t testing.TB, l *lab.Lab, delivery string) {
	t.Helper()
	for _, s := range l.Servers {
		awaitMetrics(t, s, 20*time.Second, delivery, func(m map[string]float64) error {
			if m[deliveryMetric("ipv4", delivery)] == 0 || m[deliveryMetric("ipv6", delivery)] == 0 {
				return errNotYet
			}
			return nil
		})
	}
}

// awaitRest waits until a daemon reads no more datagrams, and has told what became
// of all that it read.
func awaitRest(t testing.TB, server *lab.Node) {
	t.Helper()
	const looks = 4
	last, alike := 0.0, 0
	labtest.Eventually(t, 10*time.Second, server.Name()+" is at rest", func() error {
		m, err := labtest.TryMetrics(t.Context(), server, labtest.MetricsURL)
		if err != nil {
			return err
		}
		kernel, err := server.Counters()
		if err != nil {
			return err
		}
		judged, read := sum(m, "ptbrelay_datagrams_total"), float64(kernel["UdpInDatagrams"])
		if alike++; judged != last || judged != read {
			last, alike = judged, 0
		}
		if alike < looks {
			return fmt.Errorf("%v datagrams judged of %v that were read", judged, read)
		}
		return nil
	})
}
