package transport

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/integration/labtest"
)

// A probe brings back what the peer says, over both families.
func TestProbe(t *testing.T) {
	a, b := pair(t, 1500)
	vips := addresses(3)
	for _, c := range []struct {
		name, from, to string
		answer         Answer
	}{
		{"IPv4", "192.0.2.1:7690", "192.0.2.2:7690", Answer{}},
		{"IPv6", "[2001:db8::1]:7690", "[2001:db8::2]:7690", Answer{Delivers: DeliversDryRun}},
		{"missing", "192.0.2.1:7690", "192.0.2.2:7690", Answer{Delivers: DeliversPaused, Missing: vips[1:]}},
	} {
		t.Run(c.name, func(t *testing.T) {
			one := newMember(t, a, udpConfig(quiet), c.from).run()
			two := newMember(t, b, udpConfig(quiet), c.to)
			two.answer = c.answer
			two.run()
			one.SetPeers(two.Addresses())
			begin := time.Now()
			heard := one.Probe(within(t, soon), vips)
			took := time.Since(begin)
			if len(heard) != 1 {
				t.Fatalf("heard %+v", heard)
			}
			h := heard[0]
			if !h.OK || h.Error != "" || h.Peer != two.at(0) || h.Answer.Delivers != c.answer.Delivers || !slices.Equal(h.Answer.Missing, c.answer.Missing) {
				t.Errorf("heard %+v, want %+v", h, c.answer)
			}
			// The clock is told in whole milliseconds, at some time of the round trip.
			if h.RoundTrip <= 0 || h.RoundTrip > took || h.Clock.Abs() > h.RoundTrip/2+time.Millisecond {
				t.Errorf("round trip %v within %v, clock %v", h.RoundTrip, took, h.Clock)
			}
			two.mu.Lock()
			defer two.mu.Unlock()
			if !slices.Equal(two.asked, vips) { // the peer's own probes ask about nothing
				t.Errorf("asked about %v, want %v", two.asked, vips)
			}
		})
	}
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// Who does not answer is named, with what may be wrong.
func TestProbeWithoutAnswer(t *testing.T) {
	n := labtest.Node(t, "host")
	one := newMember(t, n, udpConfig(quiet), "127.0.0.1:0").run()
	other := udpConfig(quiet)
	other.Keys = Keys{{42}}
	stranger := newMember(t, n, other, "127.0.0.2:0").run()
	friend := newMember(t, n, udpConfig(quiet), "127.0.0.3:0").run()
	one.SetPeers(append(addrPorts("127.0.0.9:9", "198.51.100.1:7690", "[2001:db8::1]:7690"), stranger.at(0), friend.at(0)))
	heard := one.Probe(within(t, 300*time.Millisecond), nil)
	for i, want := range []string{"UDP port 9", "cannot send: network is unreachable", "no address of its family", "same key", ""} {
		h := heard[i]
		if h.Peer != one.Peers()[i].Peer || h.OK != (want == "") || !strings.Contains(h.Error, want) {
			t.Errorf("%+v, want %q", h, want)
		}
	}
	one.prober.mu.Lock()
	defer one.prober.mu.Unlock()
	for _, o := range one.prober.waiting {
		if o.answered != nil { // those of liveness wait on
			t.Errorf("the probe of %v waits for a receipt still", o.peer.address)
		}
	}
}

// The difference of clocks is the peer's minus ours.
func TestProbeClock(t *testing.T) {
	n := labtest.Node(t, "host")
	one := newMember(t, n, udpConfig(quiet), "127.0.0.1:0")
	p := newPeer(netip.MustParseAddrPort("127.0.0.2:7690"))
	sent := time.Now()
	for _, ahead := range []time.Duration{-10 * time.Second, 0, 5 * time.Second} {
		var got Heard
		id := probeID{newSession(), 7}
		one.prober.expect(id, &outstanding{peer: p, sent: sent, answered: func(h Heard) { got = h }})
		r := receipt{session: id.session, counter: id.counter}
		at := sent.Add(30 * time.Millisecond)
		one.heard(sent.Add(60*time.Millisecond), p.address, &opened{payload: r.append(nil), millis: at.Add(ahead).UnixMilli()})
		if got.RoundTrip != 60*time.Millisecond || (got.Clock-ahead).Abs() > time.Millisecond {
			t.Errorf("round trip %v and clock %v, want 60ms and %v", got.RoundTrip, got.Clock, ahead)
		}
	}
}

// A receipt from elsewhere is another member's word for a peer that may be dead; it
// neither counts nor uses up the probe.
func TestReceiptFromElsewhere(t *testing.T) {
	n := labtest.Node(t, "host")
	one := newMember(t, n, udpConfig(quiet), "127.0.0.1:0")
	p := newPeer(netip.MustParseAddrPort("127.0.0.2:7690"))
	id := probeID{newSession(), 7}
	heard := 0
	one.prober.expect(id, &outstanding{peer: p, sent: time.Now(), answered: func(Heard) { heard++ }})
	r := receipt{session: id.session, counter: id.counter}
	for _, from := range []string{"127.0.0.3:7690", "127.0.0.2:7691"} {
		one.heard(time.Now(), netip.MustParseAddrPort(from), &opened{payload: r.append(nil)})
	}
	if heard != 0 || p.health.up || !p.health.heard.IsZero() {
		t.Error("a receipt from elsewhere was believed")
	}
	one.heard(time.Now(), p.address, &opened{payload: r.append(nil)})
	if heard != 1 || !p.health.up {
		t.Errorf("the peer's own receipt was heard %d times, it is up: %v", heard, p.health.up)
	}
}

// Receipts that name no probe of ours, or that are cut, count and do nothing else.
func TestReceiptForNothing(t *testing.T) {
	n := labtest.Node(t, "host")
	one := newMember(t, n, udpConfig(quiet), "127.0.0.1:0").run()
	from := stranger(t, n, "127.0.0.2:0")
	one.SetPeers(addrPorts("127.0.0.9:9"))
	labtest.Eventually(t, soon, "probed", func() error { return waits(one, 1) })
	sealer := newSealer(clusterKey)
	forged := receipt{session: one.sealer.Load().session, counter: 1 << 40}
	cutOff := receipt{session: one.sealer.Load().session}
	for _, payload := range [][]byte{forged.append(nil), cutOff.append(nil)[:receiptSize], nil} {
		b, _ := sealer.seal(nil, TypeReceipt, payload, time.Now())
		write(t, from, one.at(0), b)
	}
	labtest.Eventually(t, soon, "receipts are counted", func() error {
		if n := one.Stats().Datagrams[TypeReceipt][Opened]; n != 3 {
			return fmt.Errorf("%d receipts", n)
		}
		return nil
	})
	if p := one.Peers()[0]; p.Up || !p.LastHeard.IsZero() {
		t.Errorf("%+v", p)
	}
}

// Probes that are cut get no receipt, and the member goes on.
func TestProbeCut(t *testing.T) {
	n := labtest.Node(t, "host")
	one := newMember(t, n, udpConfig(quiet), "127.0.0.1:0").run()
	from := stranger(t, n, "127.0.0.2:0")
	sealer := newSealer(clusterKey)
	for _, payload := range [][]byte{nil, {1}, {33}, {0}} {
		b, _ := sealer.seal(nil, TypeProbe, payload, time.Now())
		write(t, from, one.at(0), b)
	}
	must(t, from.SetReadDeadline(time.Now().Add(soon)))
	b := make([]byte, 2000)
	size, err := from.Read(b)
	must(t, err)
	o := newOpener(Keys{clusterKey}, time.Minute, time.Now().Add(-time.Minute))
	got, kind, result := o.open(nil, b[:size], true, time.Now())
	r, ok := parseReceipt(got.payload)
	if result != Opened || kind != TypeReceipt || !ok || r.session != sealer.session || r.counter != 3 {
		t.Errorf("%v %v %+v, want the receipt of the last", kind, result, r)
	}
	if got := one.Stats().Datagrams[TypeProbe]; got[Opened] != 4 {
		t.Errorf("%v", got)
	}
}

// Receipts have a budget, of which strangers get half of the burst; what is above
// it is counted as limited.
func TestReceiptsAreLimited(t *testing.T) {
	n := labtest.Node(t, "host")
	one := newMember(t, n, udpConfig(quiet), "127.0.0.1:0")
	one.handlers.Answer = func([]netip.Addr) Answer { return Answer{} }
	socket, sealer := one.sockets[classify.IPv4].Load(), newSealer(clusterKey)
	peer, other := sinks(t, n, 2)[0], netip.MustParseAddrPort("127.0.0.9:9")
	one.SetPeers([]netip.AddrPort{peer})
	var want [NumDatagramResults]uint64
	now := time.Now()
	for _, c := range []struct {
		from            netip.AddrPort
		after           time.Duration
		opened, limited uint64
	}{
		{other, 0, 550, 50},
		{peer, 0, 550, 50},
		{peer, time.Second, 100, 50},
		{other, time.Second, 0, 50},
		{other, 30 * time.Second, 550, 0},
	} {
		from, at := newSockaddr(c.from), now.Add(c.after)
		for range c.opened + c.limited {
			b, _ := sealer.seal(nil, TypeProbe, []byte{0}, at)
			one.take(at, []received{{socket, &from, b}})
		}
		want[Opened] += c.opened
		want[Limited] += c.limited
		if got := one.Stats().Datagrams[TypeProbe]; got != want {
			t.Errorf("from %v after %v: %v, want %v", c.from, c.after, got, want)
		}
	}
}

// Several callers at once all get their answers, and a caller whose time is up
// does not wait for another.
func TestProbeSeveralAtOnce(t *testing.T) {
	n := labtest.Node(t, "host")
	one := newMember(t, n, udpConfig(quiet), "127.0.0.1:0").run()
	var peers []netip.AddrPort
	for range 30 {
		peers = append(peers, newMember(t, n, udpConfig(quiet), "127.0.0.2:0").run().at(0))
	}
	one.SetPeers(peers)
	begin := time.Now()
	one.Probe(within(t, soon), nil)
	if took := time.Since(begin); took < 2*probePause { // at most 10 at once
		t.Errorf("30 probes went out within %v", took)
	}
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for _, h := range one.Probe(within(t, soon), nil) {
				if !h.OK {
					t.Errorf("%+v", h)
				}
			}
		})
	}
	asking.Wait()

	one.probing <- struct{}{} // somebody probes for ever
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for i, h := range one.Probe(ended, nil) {
		if h.OK || h.Peer != peers[i] || h.Error == "" {
			t.Errorf("%+v", h)
		}
	}
	set := one.UDP.peers.Load().peers
	if sent := one.probeAll(ended, set, nil, make([]Heard, len(set)), make(chan answered, len(set))); len(sent) != probeGroup {
		t.Errorf("%d probes sent after the context ended, want the first %d", len(sent), probeGroup)
	}
}

// waits tells whether so many probes wait for a receipt.
func waits(m *member, want int) error {
	m.prober.mu.Lock()
	defer m.prober.mu.Unlock()
	if n := len(m.prober.waiting); n != want {
		return fmt.Errorf("%d probes wait", n)
	}
	return nil
}
