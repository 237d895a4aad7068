package transport

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ptbrelay/integration/labtest"
)

// fast is a pulse that tests can wait for.
var fast = pulse{first: 20 * time.Millisecond, every: 100 * time.Millisecond, again: 30 * time.Millisecond, down: 500 * time.Millisecond}

// A peer is up while it answers, down when it has been silent, and up again; each
// change is one line in the log.
func TestPeersUpAndDown(t *testing.T) {
	n := labtest.Node(t, "host")
	log := new(textLog)
	one := newMember(t, n, udpConfig(log.logger()), "127.0.0.1:0")
	one.pulse = fast
	one.run()
	two := newMember(t, n, udpConfig(quiet), "127.0.0.2:0").run()
	at := two.at(0)
	one.SetPeers([]netip.AddrPort{at})
	awaitUp(t, one, true)
	if p := one.Peers()[0]; p.Peer != at || p.RoundTrip <= 0 || time.Since(p.LastHeard) > soon {
		t.Errorf("%+v", p)
	}
	one.SetPeers(append([]netip.AddrPort{at}, sinks(t, n, 1)...))
	if p := one.Peers()[0]; !p.Up { // it is the same peer
		t.Errorf("%+v", p)
	}
	one.SetPeers([]netip.AddrPort{at})
	two.stop()
	must(t, two.Close())
	awaitUp(t, one, false)
	labtest.Eventually(t, soon, "it is said", func() error { return lines(log, 1, "does not answer", at.String()) })
	newMember(t, n, udpConfig(quiet), at.String()).run()
	awaitUp(t, one, true)
	if err := lines(log, 2, "peer answers", at.String()); err != nil {
		t.Error(err)
	}
	labtest.Quiet(t, 3*fast.every, "no news, no lines", func() error { return lines(log, 3, "level=") })
}

func lines(log *textLog, want int, texts ...string) error {
	if got := log.count(texts...); got != want {
		return fmt.Errorf("%d lines with %q, want %d:\n%s", got, texts, want, log)
	}
	return nil
}

func awaitUp(t *testing.T, m *member, want bool) {
	t.Helper()
	labtest.Eventually(t, soon, "peer changes", func() error {
		if p := m.Peers()[0]; p.Up != want {
			return fmt.Errorf("%+v", p)
		}
		return nil
	})
}

// Peers that join are probed at once, those of a family that gets its address
// later too.
func TestPeersAreProbedAtOnce(t *testing.T) {
	a, b := pair(t, 1500)
	one := newMember(t, a, udpConfig(quiet), "192.0.2.1:7690")
	one.pulse = pulse{first: time.Hour, every: time.Hour, again: time.Hour, down: time.Hour}
	one.run()
	four := newMember(t, b, udpConfig(quiet), "192.0.2.2:7690").run()
	six := newMember(t, b, udpConfig(quiet), "[2001:db8::2]:7690").run()
	one.SetPeers(four.Addresses())
	awaitUp(t, one, true)
	one.SetPeers(six.Addresses())
	one.listen(a, "[2001:db8::1]:7690")
	awaitUp(t, one, true)
}

// A kernel that has no room at the moment is not called a peer's fault.
func TestNoRoomIsNoFault(t *testing.T) {
	log := new(textLog)
	one := newMember(t, labtest.Node(t, "host"), udpConfig(log.logger()))
	p := newPeer(netip.MustParseAddrPort("192.0.2.2:7690"))
	for _, errno := range []syscall.Errno{unix.EAGAIN, unix.ENOBUFS, unix.ENOMEM} {
		one.refused(p, errno)
	}
	if err := lines(log, 0, "level="); err != nil {
		t.Error(err)
	}
	one.refused(p, unix.EPERM)
	if err := lines(log, 1, "192.0.2.2:7690", "operation not permitted"); err != nil {
		t.Error(err)
	}
}

// A peer of which the kernel takes some datagrams and refuses others stays
// refused: it is taken again when nothing was refused between two probes.
func TestPeerRefusedNowAndThen(t *testing.T) {
	n := labtest.Node(t, "host")
	log := new(textLog)
	one := newMember(t, n, udpConfig(log.logger()), "127.0.0.1:0")
	p := newPeer(sinks(t, n, 1)[0])
	for range 3 {
		one.refused(p, unix.EPERM)
		one.knock(p)
	}
	if err := lines(log, 1, "level="); err != nil {
		t.Error(err)
	}
	one.knock(p)
	if err := lines(log, 1, "sending to peer again"); err != nil {
		t.Error(err)
	}
}

// A peer that never answered is said to be down once.
func TestPeerNeverUp(t *testing.T) {
	n := labtest.Node(t, "host")
	log := new(textLog)
	one := newMember(t, n, udpConfig(log.logger()), "127.0.0.1:0")
	one.pulse = fast
	one.run()
	one.SetPeers(addrPorts("127.0.0.2:9"))
	labtest.Eventually(t, soon, "it is said", func() error { return lines(log, 1, "does not answer") })
	labtest.Quiet(t, 2*fast.every, "it is said once", func() error { return lines(log, 1, "level=") })
	if p := one.Peers()[0]; p.Up || !p.LastHeard.IsZero() || p.RoundTrip != 0 {
		t.Errorf("%+v", p)
	}
}

// A peer that the kernel refuses is said once, and once when it takes datagrams
// again.
func TestPeerRefusedAndBack(t *testing.T) {
	a, b := pair(t, 1500)
	log := new(textLog)
	one := newMember(t, a, udpConfig(log.logger()), "192.0.2.1:7690")
	one.pulse = fast
	one.run()
	two := newMember(t, b, udpConfig(quiet), "192.0.2.2:7690").run()
	one.SetPeers(two.Addresses())
	awaitUp(t, one, true)
	for round := 1; round <= 2; round++ {
		setDown(t, a, "eth0")
		labtest.Eventually(t, soon, "refused", func() error {
			one.offer(decoded(t, 1))
			return lines(log, round, "cannot send to peer", "unreachable")
		})
		setUp(t, a, "eth0")
		labtest.Eventually(t, soon, "taken again", func() error { return lines(log, round, "sending to peer again") })
		if err := lines(log, round, "cannot send to peer"); err != nil {
			t.Error(err)
		}
	}
}

// Probes of a thousand peers that join together are paced, and spread over the
// interval once they have answered.
func TestProbesAreSpread(t *testing.T) {
	n := labtest.Node(t, "host")
	one := newMember(t, n, udpConfig(quiet), "127.0.0.1:0")
	var peers []netip.AddrPort
	for i := range 1000 {
		peers = append(peers, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}), 9))
	}
	one.SetPeers(peers)
	set := one.UDP.peers.Load().peers
	now := time.Now()
	passes, asked, sent := 0, 0, 0
	for asked < len(set) {
		wait := one.probeDue(now)
		passes++
		for _, p := range set {
			if p.health.probed.Equal(now) {
				sent++
				if p.health.heard.IsZero() {
					asked++
				}
				p.health.answered(now, 0, one.pulse)
			}
		}
		now = now.Add(wait)
	}
	if least := len(peers) / probeGroup; passes < least || sent > passes*probeGroup {
		t.Errorf("%d probes in %d passes", sent, passes)
	}
	if err := waits(one, sent); err != nil {
		t.Error(err)
	}
	var tenths [12]int // of the interval; those that were due again come later
	for _, p := range set {
		due := p.health.due(one.pulse).Sub(p.health.heard)
		tenths[due*10/one.pulse.every]++
		p.health.willProbe(now, one.pulse)
		if again := p.health.next.Sub(now); again < one.pulse.every*9/10 || again > one.pulse.every*11/10 {
			t.Fatalf("due again after %v", again)
		}
	}
	for i, n := range tenths[:9] {
		if n < 10 || n > 250 { // chance leaves that far too seldom to see
			t.Errorf("%d of 1000 peers are due in tenth %d of the interval", n, i)
		}
	}
}

// A peer that is up and owes a receipt is asked again soon, and only then.
func TestHealthDue(t *testing.T) {
	begin := time.Now()
	p := defaultPulse
	h := health{joined: begin}
	at := func(s float64) time.Time { return begin.Add(time.Duration(s * float64(time.Second))) }
	if due := h.due(p); due.After(begin) {
		t.Errorf("a new peer is due after %v", due.Sub(begin))
	}
	var waits []time.Duration
	for due := begin; len(waits) < 8; {
		h.willProbe(due, p)
		waits = append(waits, h.due(p).Sub(due))
		due = h.due(p)
	}
	const ms = time.Millisecond
	if want := []time.Duration{200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, 10 * time.Second, 10 * time.Second}; !slices.Equal(waits, want) {
		t.Errorf("a peer that never answered is probed after %v, want %v", waits, want)
	}
	if !h.answered(at(0.1), ms, p) || h.answered(at(0.2), ms, p) {
		t.Error("the first receipt is news, and the second is not")
	}
	h.willProbe(at(10), p)
	for _, s := range []float64{13, 16, 19, 22, 25} { // five lost ones are no alarm
		if due := h.due(p); !due.Equal(at(s)) {
			t.Errorf("due after %v, want %v s", due.Sub(begin), s)
		}
		if h.fellSilent(at(s), p) {
			t.Errorf("down after %v s", s)
		}
		h.willProbe(at(s), p)
	}
	if h.fellSilent(at(25.2), p) || !h.fellSilent(at(25.3), p) || h.fellSilent(at(40), p) {
		t.Error("it is down after 25 s of silence, and that is news once")
	}
	if due := h.due(p); due.Before(at(25 + 9)) {
		t.Errorf("a peer that is down is asked again after %v", due.Sub(at(25)))
	}
	if s := h.state(netip.AddrPort{}, at(40), p); s.Up || !s.LastHeard.Equal(at(0.2)) {
		t.Errorf("%+v", s)
	}
}

// Probes without a receipt are forgotten, those of peers that left too.
func TestProbesAreForgotten(t *testing.T) {
	n := labtest.Node(t, "host")
	one := newMember(t, n, udpConfig(quiet), "127.0.0.1:0")
	one.pulse = pulse{first: 10 * time.Millisecond, every: 20 * time.Millisecond, again: 10 * time.Millisecond, down: 40 * time.Millisecond}
	one.run()
	one.SetPeers(addrPorts("127.0.0.2:9", "127.0.0.3:9"))
	labtest.Eventually(t, soon, "probes wait", func() error {
		if waits(one, 0) == nil {
			return fmt.Errorf("none")
		}
		return nil
	})
	one.SetPeers(nil)
	labtest.Eventually(t, soon, "they are forgotten", func() error { return waits(one, 0) })
}
