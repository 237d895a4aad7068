package deliver

import (
	"fmt"
	"net/netip"
	"testing"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/relay/admit"
	"ptbrelay/relay/outcome"
)

// Whoever owns the flow learns from what comes in of N copies, once, and that is
// seen: sockets of TCP and UDP, both families, wherever the VIP is.
func TestApplied(t *testing.T) {
	const copies = 8
	for _, p := range placements {
		t.Run(p.String(), func(t *testing.T) {
			s := newSite(t, p)
			for _, f := range families {
				for _, protocol := range []classify.Protocol{classify.TCP, classify.UDP} {
					t.Run(fmt.Sprintf("%v/%v", f, protocol), func(t *testing.T) {
						s.t = t
						r := receive(t, s.server, settings())
						r.runs()
						o := s.connects(protocol, f)
						o.checkMTU(1500)
						packet := o.ptb()
						for i := range copies {
							want := outcome.DuplicateDelivery
							if i == 0 {
								want = outcome.Injected
							}
							from := netip.AddrFrom4([4]byte{198, 51, 100, byte(201 + i)})
							if got := r.gets(from, packet); got != want {
								t.Errorf("copy %d was %v, want %v", i, got, want)
							}
						}
						o.awaitMTU()
						if protocol == classify.UDP {
							o.checkTooBig()
						}
						r.awaitResults(f, [NumResults]uint64{Applied: 1})
						r.checkLaws()
					})
				}
			}
		})
	}
}

// A socket that is bound to the VIP and connected to nobody owns what the kernel
// applies in its name.
func TestAppliedToUnconnected(t *testing.T) {
	s := newSite(t, lab.VIPOnLoopback)
	on := settings()
	on.Owned = true
	r := receive(t, s.server, on)
	r.runs()
	for _, f := range families {
		o := s.bound(s.flow(classify.UDP, f))
		r.checkGets(o.ptb(), outcome.Injected)
		r.awaitResults(f, [NumResults]uint64{Applied: 1})
	}
}

// Every delivery has its cause.
func TestDeliveries(t *testing.T) {
	s := newSite(t, lab.VIPOnLoopback)
	for _, f := range families {
		for _, c := range []struct {
			want     outcome.Delivery
			settings func(*Settings)
			before   func(r *receiver, packet []byte)
		}{
			{want: outcome.Injected},
			{want: outcome.DryRunDelivery, settings: func(s *Settings) { s.DryRun = true }},
			{want: outcome.PausedDelivery, settings: func(s *Settings) { s.Paused = true }},
			{want: outcome.DuplicateDelivery, before: func(r *receiver, packet []byte) { r.checkGets(packet, outcome.Injected) }},
			{want: outcome.LimitedPeer, settings: func(s *Settings) { s.Limits.Peer = admit.PerSecond(1, 1) },
				before: func(r *receiver, _ []byte) {
					r.checkGets(ptb(s.flow(classify.TCP, f), 0), outcome.Injected)
				}},
			{want: outcome.LimitedDelivery, settings: func(s *Settings) { s.Limits.Deliver = admit.PerSecond(1, 1) },
				before: func(r *receiver, _ []byte) {
					r.checkGets(ptb(s.flow(classify.TCP, f), 0), outcome.Injected)
				}},
			{want: outcome.NotOwned, settings: func(s *Settings) { s.Owned = true }},
		} {
			t.Run(fmt.Sprintf("%v/%v", f, c.want), func(t *testing.T) {
				now := settings()
				if c.settings != nil {
					c.settings(&now)
				}
				r := receive(t, s.server, now)
				flow := s.flow(classify.TCP, f)
				packet := ptb(flow, 0)
				if c.before != nil {
					c.before(r, packet)
				}
				r.checkGets(packet, c.want)
				if r.told.peer != peer || r.told.flow != flow {
					t.Errorf("the watcher was told of %v from %v, want %v from %v", r.told.flow, r.told.peer, flow, peer)
				}
				if got := r.Stats().Deliveries[f][c.want]; got != 1 {
					t.Errorf("%d counted as %v", got, c.want)
				}
				r.checkLaws()
			})
		}
	}
}

// Those who have the key and are no peer share the budget of one, however many
// addresses they have; a peer has its own beside it.
func TestStrangersShareABudget(t *testing.T) {
	const burst, each = 8, 20
	s := newSite(t, lab.VIPOnLoopback)
	limited := settings()
	limited.Limits.Peer = admit.PerSecond(1, burst)
	r := receive(t, s.server, limited)
	send := func(listed bool) (injected int) {
		from := peer
		for range each {
			from = from.Next()
			r.Handle(from, listed, ptb(s.flow(classify.TCP, classify.IPv4), 0))
			if r.told.peer != from {
				t.Errorf("the watcher was told of %v, want %v", r.told.peer, from)
			}
			if r.told.delivery == outcome.Injected {
				injected++
			}
		}
		return injected
	}
	if got := send(false); got < burst/2 || got > burst {
		t.Errorf("%d of %d strangers, each with an address of its own, were heard: a peer's burst is %d", got, each, burst)
	}
	if got := send(true); got != each {
		t.Errorf("%d of %d peers were heard", got, each)
	}
}

// Nobody but the owner of a flow is bothered where only owners are to be: neither
// for a listening socket nor for one of another flow. Protocols whose sockets the
// kernel does not show are delivered.
func TestOwned(t *testing.T) {
	s := newSite(t, lab.VIPOnLoopback)
	on := settings()
	on.Owned = true
	r := receive(t, s.server, on)
	for _, f := range families {
		r.checkGets(s.connects(classify.TCP, f).ptb(), outcome.Injected)
		r.checkGets(s.connects(classify.UDP, f).ptb(), outcome.Injected)
		r.checkGets(ptb(s.flow(classify.SCTP, f), 0), outcome.Injected)
		r.checkGets(ptb(s.flow(classify.UDP, f), 0), outcome.NotOwned)
		at := netip.AddrPortFrom(s.vip(f), port+1)
		listener, err := s.server.Listen(t.Context(), "tcp", at.String())
		must(t, err)
		r.checkGets(ptb(classify.MakeFlow(classify.TCP, at, s.clientPort(f)), 0), outcome.NotOwned)
		must(t, listener.Close())
	}
	r.checkLaws()
}

// What the kernel does not take is said to have failed: a packet longer than lo
// carries.
func TestInjectFailed(t *testing.T) {
	s := newSite(t, lab.VIPOnLoopback)
	must(t, s.server.Handle().LinkSetMTU(s.link("lo"), 1280))
	r := receive(t, s.server, settings())
	for _, f := range families {
		long := classifytest.PTB{Family: f, VIP: s.vip(f), QuoteBytes: 1280}
		r.checkGets(long.Bytes(), outcome.InjectFailed)
	}
	r.checkLaws()
}

// The receiver judges by its own policy, and nothing but eligible messages goes
// any further.
func TestOwnPolicy(t *testing.T) {
	s := newSite(t, lab.VIPOnLoopback)
	now := settings()
	now.Policy.Ports = classify.Ports(53)
	r := receive(t, s.server, now)
	for _, f := range families {
		for want, packet := range map[classify.Verdict][]byte{
			classify.ForeignPort:   ptb(s.flow(classify.TCP, f), 0),
			classify.MTUTooSmall:   classifytest.PTB{Family: f, VIP: s.vip(f), VIPPort: 53, MTU: 68}.Bytes(),
			classify.QuoteProtocol: classifytest.PTB{Family: f, VIP: s.vip(f), Protocol: classify.DCCP}.Bytes(),
			classify.BadChecksum:   classifytest.PTB{Family: f, VIP: s.vip(f), BreakChecksum: true}.Bytes(),
		} {
			r.Handle(peer, true, packet)
			if r.told.verdict != want || r.Stats().Verdicts[f][want] != 1 {
				t.Errorf("%v: verdict %v, want %v and one of it counted", f, r.told.verdict, want)
			}
		}
	}
	r.Handle(peer, true, nil)
	r.Handle(peer, true, []byte("no packet"))
	if got := r.Stats().Verdicts[classify.FamilyUnknown][classify.NotIP]; got != 2 {
		t.Errorf("%d messages that are no IP, want 2", got)
	}
	r.checkLaws()
}
