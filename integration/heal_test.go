package integration

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// The promise: with ptbrelay on every server, in its default settings, every
// download through a black hole finishes; without it, exactly those stall whose
// PTB went to a server that does not own them.
func TestHeals(t *testing.T) {
	for _, offload := range []bool{true, false} {
		for _, vips := range []lab.Placement{lab.VIPOnLoopback, lab.VIPAnyIP, lab.VIPOnInterface} {
			t.Run(fmt.Sprintf("offload=%v/vip=%v", offload, vips), func(t *testing.T) {
				o := lab.Options{Offload: offload, VIPs: vips}
				stalled := blackHole(t, o)
				healed(t, o, stalled)
			})
		}
	}
}

// blackHole runs the downloads without ptbrelay and returns the flows that
// stalled.
func blackHole(t *testing.T, o lab.Options) []lab.Flow {
	t.Helper()
	l := labtest.New(t, o)
	taps := labtest.TapServers(t, l)
	if err := l.Preflight(); err != nil {
		t.Fatal(err)
	}
	r := labtest.Downloads(t, l, lab.Load{Timeout: 2 * time.Second})
	landings := l.Landings(taps)
	if err := r.CheckHash(landings); err != nil {
		t.Fatal(err)
	}
	for _, f := range lab.Families() {
		part := r.Family(f)
		t.Logf("without ptbrelay, %v: %v", f, part.Summary())
		stalled, missed := part.Stalled(), part.Missed(landings)
		if len(stalled) < 16 {
			t.Errorf("%v: only %d of %d flows stalled", f, len(stalled), len(part.Results))
		}
		for _, flow := range stalled {
			if !slices.Contains(missed, flow) {
				t.Errorf("%v stalled although its owner got the PTB", flow)
			}
		}
	}
	return r.Stalled()
}

// healed runs the same downloads with ptbrelay and checks for each flow that
// stalled before how its owner learned.
func healed(t *testing.T, o lab.Options, stalled []lab.Flow) {
	t.Helper()
	l := labtest.New(t, o)
	taps := labtest.TapServers(t, l)
	labtest.StartRelays(t, l)
	if err := l.Preflight(); err != nil {
		t.Fatal(err)
	}
	r := labtest.Downloads(t, l, lab.Load{})
	catchUp(t, l, taps)
	landings := l.Landings(taps)
	if err := r.CheckHash(landings); err != nil {
		t.Fatal(err)
	}
	for _, f := range lab.Families() {
		t.Logf("with ptbrelay, %v: %v", f, r.Family(f).Summary())
	}
	checkSlowest(t, r)
	missed := r.Missed(landings)
	copies := copiesSeen(taps)
	for _, x := range r.Results {
		if !x.Finished {
			t.Errorf("%v: %v", x.Flow, x.Err)
		}
		if !slices.Contains(missed, x.Flow) {
			continue
		}
		checkLearned(t, l, x, copies[x.Flow])
	}
	for _, flow := range stalled {
		if !slices.Contains(missed, flow) {
			t.Errorf("%v stalled before, and its PTB met its owner now: not the same path", flow)
		}
	}
	for _, s := range l.Servers {
		checkLaws(t, s)
	}
}

// slowest is what the slowest download may take: a burst of all of them, and one
// retransmission.
const slowest = 1500 * time.Millisecond

func checkSlowest(t *testing.T, r lab.Report) {
	t.Helper()
	if s := r.Summary(); s.Slowest > slowest {
		t.Errorf("the slowest took %v, at most %v", s.Slowest, slowest)
	}
}

// checkLearned checks that the owner's kernel knows the path MTU and that a
// copy that says so was on the wire.
func checkLearned(t *testing.T, l *lab.Lab, x lab.Result, copies []seen) {
	t.Helper()
	mtu, exception, err := l.Servers[x.Owner].PathMTU(x.Flow.VIP.Addr(), x.Flow.Client.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if !exception || mtu != l.Options.PathMTU {
		t.Errorf("%v: its owner has path MTU %d, exception %v, want %d by exception", x.Flow, mtu, exception, l.Options.PathMTU)
	}
	atOwner := slices.ContainsFunc(copies, func(s seen) bool { return s.server == x.Owner })
	elsewhere := slices.ContainsFunc(copies, func(s seen) bool { return s.server != x.Owner })
	if !atOwner || !elsewhere {
		t.Errorf("%v: copy seen at its owner: %v, at another server: %v; want both", x.Flow, atOwner, elsewhere)
	}
	for _, c := range copies {
		if c.mtu != l.Options.PathMTU {
			t.Errorf("%v: a copy says MTU %d", x.Flow, c.mtu)
		}
	}
}

// seen is a copy that came in on a server.
type seen struct{ server, mtu int }

func copiesSeen(taps []*lab.Tap) map[lab.Flow][]seen {
	copies := make(map[lab.Flow][]seen)
	for server, tap := range taps {
		for _, p := range tap.PTBs() {
			if p.Frame.Type == lab.PacketBroadcast {
				copies[p.Flow] = append(copies[p.Flow], seen{server, p.MTU})
			}
		}
	}
	return copies
}

// Strict reverse path filtering does not stand in the way where the copies come
// in on the interface that leads back to the router.
func TestHealsWithStrictReversePath(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 32, RPFilter: 1})
	labtest.StartRelays(t, l)
	r := labtest.Downloads(t, l, lab.Load{})
	allFinished(t, r)
	checkSlowest(t, r)
}

// Servers that drop unicast packets in broadcast frames are beyond the reach of
// this transport: nothing but the setting differs from the test above.
func TestBroadcastDropped(t *testing.T) {
	t.Parallel() // it waits more than it works
	l := labtest.New(t, lab.Options{Clients: 32})
	taps := labtest.TapServers(t, l)
	for _, s := range l.Servers {
		for _, key := range []string{"net/ipv4/conf/all/drop_unicast_in_l2_multicast", "net/ipv6/conf/eth0/drop_unicast_in_l2_multicast"} {
			if err := s.SetSysctl(key, "1"); err != nil {
				t.Fatal(err)
			}
		}
	}
	labtest.StartRelays(t, l)
	r := labtest.Downloads(t, l, lab.Load{Timeout: 2 * time.Second})
	if missed := r.Missed(l.Landings(taps)); len(missed) == 0 || len(r.Stalled()) != len(missed) {
		t.Errorf("%d PTBs missed their owner, %d downloads stalled", len(missed), len(r.Stalled()))
	}
}

// Connected UDP sockets learn as well.
func TestHealsUDP(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 32})
	taps := labtest.TapServers(t, l)
	labtest.StartRelays(t, l)
	r := labtest.Probes(t, l, lab.Load{})
	if err := r.CheckHash(l.Landings(taps)); err != nil {
		t.Fatal(err)
	}
	for _, x := range r.Results {
		if !x.Finished || x.MTU != l.Options.PathMTU {
			t.Errorf("%v: finished %v, its socket's path MTU is %d: %v", x.Flow, x.Finished, x.MTU, x.Err)
		}
	}
}
