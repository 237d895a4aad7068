package integration

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// labFlow is the flow that a PTB is about, as the lab names it.
func labFlow(ptb classifytest.PTB) lab.Flow {
	f := ptb.Flow()
	return lab.Flow{
		Protocol: uint8(f.Protocol()),
		VIP:      netip.AddrPortFrom(f.VIP(), f.VIPPort()),
		Client:   netip.AddrPortFrom(f.Client(), f.ClientPort()),
	}
}

// quoting gives PTBs quotes of all that fits into 1280 bytes.
func quoting(all []classifytest.PTB) []classifytest.PTB {
	for i := range all {
		all[i].QuoteBytes = 1280 - 20 - 8
		if all[i].Family == classify.IPv6 {
			all[i].QuoteBytes = 1280 - 40 - 8
		}
	}
	return all
}

// Wherever a PTB comes in, its server sends one datagram to every other member and
// to nobody else, each of them injects the packet once, as it was, and nothing that
// a peer sent is relayed again.
func TestOneDatagramForEachPeer(t *testing.T) {
	for _, fabric := range lab.Families() {
		t.Run(fabric.String(), func(t *testing.T) {
			r := startRacks(t, lab.Options{Shape: lab.ShapeRouted, Servers: 4, Clients: 1}, fabric)
			for server, ptb := range append(ptbs(44001), quoting(ptbs(44002))...) {
				r.checkOne(fabric, server, ptb)
			}
			r.silent()
			r.check()
		})
	}
}

// checkOne sends a PTB to a server and checks all that comes of it.
func (r *racks) checkOne(fabric lab.Family, server int, ptb classifytest.PTB) {
	r.t.Helper()
	family, packet := ptb.Family.String(), ptb.Bytes()
	before := metricsOf(r.t, r.Servers[server])[outcomeMetric(family, "relayed")]
	r.forget()
	labtest.FromRouter(r.t, r.Lab, server, packet)
	await(r.t, r.Servers[server], outcomeMetric(family, "relayed"), before+1)
	r.settle()

	var to []netip.AddrPort
	for i := range r.Servers {
		sent := copiesLeaving(r.wire[i].Frames())
		for _, d := range sent {
			if want := netip.AddrPortFrom(r.ServerAddr(fabric, server), udpPort); i != server || d.from != want {
				r.t.Errorf("server %d sends a copy from %v, want one from %v only", i, d.from, want)
			}
			to = append(to, d.to)
		}
	}
	var want []netip.AddrPort
	for i := range r.Servers {
		if i != server {
			want = append(want, netip.AddrPortFrom(r.ServerAddr(fabric, i), udpPort))
		}
	}
	slices.SortFunc(to, netip.AddrPort.Compare)
	if !slices.Equal(to, want) {
		r.t.Errorf("a PTB at server %d made datagrams to %v, want one to each of %v", server, to, want)
	}
	r.checkInside(server, packet)
}

// checkInside checks that all servers but one have injected a packet, and nothing
// else.
func (r *racks) checkInside(but int, packet []byte) {
	r.t.Helper()
	for i, tap := range r.inside {
		var injected [][]byte
		for _, p := range tap.PTBs() {
			if p.Frame.Type == lab.PacketOutgoing {
				injected = append(injected, p.Frame.Data[14:])
			}
		}
		switch {
		case i == but && len(injected) > 0:
			r.t.Errorf("server %d injected %d PTBs of its own", i, len(injected))
		case i != but && len(injected) != 1:
			r.t.Errorf("server %d injected %d PTBs, want 1", i, len(injected))
		case i != but && !slices.Equal(injected[0], packet):
			r.t.Errorf("server %d injected another packet:\n% x\n% x", i, injected[0], packet)
		}
	}
}

// forget empties the taps.
func (r *racks) forget() {
	for i := range r.wire {
		r.wire[i].Reset()
		r.inside[i].Reset()
	}
}

// silent fails the test unless nothing comes after what there was.
func (r *racks) silent() {
	r.t.Helper()
	count := func() (n int) {
		for i := range r.wire {
			n += len(copiesLeaving(r.wire[i].Frames())) + len(r.inside[i].PTBs())
		}
		return n
	}
	were := count()
	labtest.Quiet(r.t, silence, "silence after the copies", func() error {
		if n := count(); n != were {
			return fmt.Errorf("%d copies and injections, there were %d", n, were)
		}
		return nil
	})
}

// A router that repeats a PTB, or ECMP that spreads its repetitions over several
// servers, makes one copy a peer of each server, of which each member injects the
// first one.
func TestRepeatedPTBAcrossRacks(t *testing.T) {
	r := startRacks(t, lab.Options{Shape: lab.ShapeRouted, Servers: 4, Clients: 1}, lab.IPv6)
	others := float64(len(r.Servers) - 1)
	for _, ptb := range ptbs(44003) {
		for range 2 {
			for server := range r.Servers {
				labtest.FromRouter(t, r.Lab, server, ptb.Bytes())
			}
		}
		family := ptb.Family.String()
		for _, s := range r.Servers {
			await(t, s, outcomeMetric(family, "relayed"), 1)
			await(t, s, outcomeMetric(family, "duplicate"), 1)
			await(t, s, deliveryMetric(family, "injected"), 1)
			await(t, s, deliveryMetric(family, "duplicate"), others-1)
		}
		r.settle()
		if at := r.injectedAt(labFlow(ptb)); !slices.Equal(at, []int{0, 1, 2, 3}) {
			t.Errorf("%v: injected at servers %v, want once at each", ptb.Family, at)
		}
	}
	r.silent()
	r.check()
}
