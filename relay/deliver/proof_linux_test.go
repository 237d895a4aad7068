package deliver

import (
	"context"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/classify"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// proves runs the proof on the server with CAP_NET_RAW only.
func (s *site) proves(ctx context.Context) (proofs []Proof) {
	s.t.Helper()
	must(s.t, s.server.Do(func() error {
		if err := keepOnly(unix.CAP_NET_RAW); err != nil {
			return err
		}
		proofs = Prove(ctx)
		return nil
	}))
	if len(proofs) != len(families) {
		s.t.Fatalf("%d proofs: %+v", len(proofs), proofs)
	}
	for i, f := range families {
		if proofs[i].Family != f {
			s.t.Fatalf("proof %d is of %v, want %v", i, proofs[i].Family, f)
		}
	}
	return proofs
}

// The kernel is seen to learn, one byte a time and no more than a few, on a path
// that nothing takes; and nothing leaves the host for it.
func TestProve(t *testing.T) {
	s := newSite(t, lab.VIPOnLoopback)
	out := labtest.TapWith(t, s.server, "eth0", lab.TapOptions{UDPPorts: []uint16{discard}, Types: []lab.PacketType{lab.PacketOutgoing}})
	const runs = 20
	for i := range uint32(runs) {
		before, earlier := 1500-i, i >= mostLeftover
		after := before - 1
		if earlier {
			before = 1500 - mostLeftover
			after = before
		}
		for _, p := range s.proves(t.Context()) {
			want := Proof{
				Family: p.Family, OK: true, Earlier: earlier, Before: before, After: after,
				Source: s.ServerAddr(labFamily(p.Family), 0), Destination: documentation[p.Family][0],
			}
			if p != want {
				t.Errorf("run %d: %+v, want %+v", i, p, want)
			}
			if mtu, exception, err := s.server.PathMTU(p.Source, p.Destination); err != nil || !exception || mtu != int(after) {
				t.Errorf("run %d, %v: the kernel's path MTU is %d, learned: %v, %v; want %d", i, p.Family, mtu, exception, err, after)
			}
		}
	}
	if left := labtest.Fence(t, s.server, "eth0", out); len(left) > 0 {
		t.Errorf("%d frames left the server, the first is %x", len(left), left[0].Data)
	}
}

// Documentation addresses that are this host's own, or that no route leads to,
// prove nothing: the next is tried, and without one the proof is skipped.
func TestProveTriesTheNext(t *testing.T) {
	s := newSite(t, lab.VIPAnyIP)
	s.holds(documentation[classify.IPv4][0])
	must(t, s.server.Handle().RouteAdd(&netlink.Route{Type: unix.RTN_BLACKHOLE, Dst: addr(documentation[classify.IPv4][1]).IPNet}))
	s.holds(documentation[classify.IPv6][0])
	for _, p := range s.proves(t.Context()) {
		if p.OK || !p.Skipped || p.Error == "" {
			t.Errorf("without a destination: %+v", p)
		}
	}
	s.drops(documentation[classify.IPv4][0], documentation[classify.IPv6][0])
	for _, p := range s.proves(t.Context()) {
		if !p.OK || p.Destination != documentation[p.Family][0] {
			t.Errorf("with one: %+v", p)
		}
	}
}

// A firewall that drops what conntrack calls invalid is no reason to say that the
// kernel does not learn, for it lets pass what is about real flows. One that drops
// ICMP is.
func TestProveBehindFirewall(t *testing.T) {
	s := newSite(t, lab.VIPOnLoopback)
	s.blocks(ctInvalid)
	for _, p := range s.proves(t.Context()) {
		if !p.OK || p.After != 1499 {
			t.Errorf("invalid is dropped: %+v", p)
		}
	}
	if n := s.blocked(); n != uint64(len(families)) {
		t.Errorf("%d packets were invalid, want the first PTB of each family", n)
	}
	s.blocks(icmp, icmpv6)
	for _, p := range s.proves(t.Context()) {
		if p.OK || p.Skipped || p.Error == "" || p.After != 1499 {
			t.Errorf("ICMP is dropped: %+v", p)
		}
	}
}

// A path that has the smallest MTU already can prove nothing, and says so.
func TestProveAtTheFloor(t *testing.T) {
	s := newSite(t, lab.VIPOnLoopback)
	must(t, s.server.Handle().LinkSetMTU(s.link("eth0"), floorIPv6))
	for _, p := range s.proves(t.Context()) {
		switch {
		case p.Family == classify.IPv4 && (!p.OK || p.After != floorIPv6-1),
			p.Family == classify.IPv6 && (p.OK || !p.Skipped || p.Error == ""):
			t.Errorf("on a link of %d bytes: %+v", floorIPv6, p)
		}
	}
}

// It ends with its context.
func TestProveIsCutShort(t *testing.T) {
	s := newSite(t, lab.VIPOnLoopback)
	s.blocks(icmp, icmpv6)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, p := range s.proves(ctx) {
		if p.OK || p.Error != context.Canceled.Error() {
			t.Errorf("%+v", p)
		}
	}
}
