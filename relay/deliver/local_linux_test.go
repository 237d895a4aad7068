package deliver

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"ptbrelay/audit/host"
	"ptbrelay/classify"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/admit"
	"ptbrelay/relay/outcome"
)

// A VIP is local wherever the FIB says so. With the first word of a change that is
// over, and the sender's next PTB is delivered as soon as the VIP is back.
func TestWithdrawnVIP(t *testing.T) {
	for _, p := range placements {
		t.Run(p.String(), func(t *testing.T) {
			s := newSite(t, p)
			r := receive(t, s.server, settings())
			for _, f := range families {
				r.checkGets(s.fresh(f), outcome.Injected)
				s.withdraw(f)
				r.HostChanged()
				r.checkGets(s.fresh(f), outcome.NotLocal)
				again := s.fresh(f)
				r.checkGets(again, outcome.NotLocal)
				s.holds(s.vip(f))
				r.HostChanged()
				r.checkGets(again, outcome.Injected)
			}
			r.checkLaws()
		})
	}
}

// Without any word of it the answers are asked for anew.
func TestUnannouncedChange(t *testing.T) {
	s := newSite(t, lab.VIPOnLoopback)
	r := receive(t, s.server, settings())
	for _, f := range families {
		r.checkGets(s.fresh(f), outcome.Injected)
		s.withdraw(f)
	}
	for _, f := range families {
		r.awaitNotLocal(s, f)
	}
}

// The host's own word of a change is enough.
func TestHostChangedByEvents(t *testing.T) {
	s := newSite(t, lab.VIPOnLoopback)
	r := receive(t, s.server, settings())
	var w *host.Watcher
	must(t, s.server.Do(func() (err error) {
		w, _, err = host.Watch()
		return err
	}))
	w.Notify(r.HostChanged)
	var watching sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	watching.Go(func() {
		if err := w.Run(ctx, func(host.State) {}, func(err error) { t.Error(err) }); err != nil {
			t.Error(err)
		}
	})
	defer watching.Wait()
	defer cancel()
	for _, f := range families {
		r.checkGets(s.fresh(f), outcome.Injected)
		// Nothing else will end this answer.
		r.locals.answers[s.vip(f)] = answer{local: true, at: r.now() + int64(time.Hour)}
		s.withdraw(f)
		r.awaitNotLocal(s, f)
	}
}

// fresh is a PTB about a flow of UDP that was not seen before.
func (s *site) fresh(f classify.Family) []byte { return ptb(s.flow(classify.UDP, f), 0) }

// awaitNotLocal waits until the receiver knows that the VIP has gone.
func (r *receiver) awaitNotLocal(s *site, f classify.Family) {
	r.t.Helper()
	labtest.Eventually(r.t, within, "the VIP is missed", func() error {
		if got := r.gets(peer, s.fresh(f)); got != outcome.NotLocal {
			return fmt.Errorf("a packet was %v", got)
		}
		return nil
	})
}

// Messages for VIPs that are known not to be here take no tokens of those that
// are.
func TestNotLocalCostsNothing(t *testing.T) {
	s := newSite(t, lab.VIPOnLoopback)
	now := settings()
	now.Limits.Deliver = admit.PerSecond(1, 10)
	r := receive(t, s.server, now)
	elsewhere := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.77"), port)
	for range 100 {
		flow := classify.MakeFlow(classify.UDP, elsewhere, s.clientPort(classify.IPv4))
		r.checkGets(ptb(flow, 0), outcome.NotLocal)
	}
	r.checkGets(s.fresh(classify.IPv4), outcome.Injected)
}

// What is remembered of addresses is bounded, and right nevertheless.
func TestLocalsAreBounded(t *testing.T) {
	s := newSite(t, lab.VIPAnyIP)
	r := receive(t, s.server, settings())
	for i := range uint32(5 * mostLocals) {
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], 192<<24+2<<8+i)
		address := netip.AddrFrom4(a)
		asked, remembered := r.Local(address), r.Local(address)
		if want := i < 256; asked != want || remembered != want {
			t.Fatalf("%v is local: %v, then %v, want %v", address, asked, remembered, want)
		}
		if n := len(r.asked.answers); n > mostLocals {
			t.Fatalf("%d addresses are remembered", n)
		}
	}
	for _, none := range []netip.Addr{{}, netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("fe80::1%eth0")} {
		if r.Local(none) {
			t.Errorf("%v is local", none)
		}
	}
}

// Whatever a FIB looks like a moment later: what was believed to be local when it
// was injected never leaves the host. The receiver is not told that the VIP has
// gone and the server forwards, so the way out is open.
func TestNothingLeaves(t *testing.T) {
	for _, p := range placements {
		t.Run(p.String(), func(t *testing.T) {
			s := newSite(t, p)
			for _, key := range []string{"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"} {
				must(t, s.server.SetSysctl(key, "1"))
			}
			out := labtest.TapWith(t, s.server, "eth0", lab.TapOptions{Types: []lab.PacketType{lab.PacketOutgoing}})
			r := receive(t, s.server, settings())
			for _, f := range families {
				injected := map[bool]int{}
				for i := range 200 {
					if i == 100 {
						s.withdraw(f)
					}
					if r.gets(peer, s.fresh(f)) == outcome.Injected {
						injected[i >= 100]++
					}
				}
				if injected[false] != 100 || injected[true] == 0 {
					t.Errorf("%v: %d of 100 injected before the VIP went, %d after: the second must not be 0, or nothing is proved",
						f, injected[false], injected[true])
				}
			}
			if left := lab.PTBs(labtest.Fence(t, s.server, "eth0", out)); len(left) > 0 {
				t.Errorf("%d PTBs left the server, the first about %v", len(left), left[0].Flow)
			}
		})
	}
}

// A host that serves many addresses delivers as fast as any: the kernel must not
// choose a source among them for each packet, which takes it 30 times as long.
func TestManyVIPsAddNoLatency(t *testing.T) {
	const vips, rounds = 512, 300
	s := newSite(t, lab.VIPOnLoopback)
	r := receive(t, s.server, settings())
	fastest := func(f classify.Family) time.Duration {
		packets, least := newStream(f, s.vip(f), classify.TCP), time.Hour
		for range rounds {
			begin := time.Now()
			errno := r.injector.inject(f, s.vip(f), packets.next())
			least = min(least, time.Since(begin))
			if errno != 0 {
				t.Fatal(errno)
			}
		}
		return least
	}
	for _, f := range families {
		one := fastest(f)
		s.holds(more(f, vips-1)...)
		many := fastest(f)
		t.Logf("%v: %v with one VIP, %v with %d", f, one, many, vips)
		if many > 5*one {
			t.Errorf("%v: an injection takes %v with %d VIPs, %v with one", f, many, vips, one)
		}
	}
}
