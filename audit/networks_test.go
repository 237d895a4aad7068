package audit

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
)

// Messages count by the prefix of who sent them, in a list of their own kind, and
// by the neighbour that they came in by.
func TestNetworks(t *testing.T) {
	o := NewObservations(nil)
	see := func(p classifytest.PTB, from mac, times int) {
		m := ptb(t, p)
		for range times {
			o.Observe(m, from)
		}
	}
	see(classifytest.PTB{Router: addr("198.51.100.1"), MTU: 1400}, macA, 3)
	see(classifytest.PTB{Router: addr("198.51.100.254"), MTU: 1300}, macA, 2)
	see(classifytest.PTB{Router: addr("198.51.101.1"), MTU: 1492}, macB, 4)
	see(classifytest.PTB{Family: classify.IPv6, Router: addr("2001:db8:a:1::1"), MTU: 1280}, macA, 1)
	see(classifytest.PTB{Family: classify.IPv6, Router: addr("2001:db8:a:ffff::1"), MTU: 1280}, mac{}, 6)
	for range 2 {
		o.ObserveSYN(syn(t, classifytest.SYN{Client: addr("203.0.113.200"), MSS: 1360}), macB)
	}
	want := Networks{
		PTBs: NetworkSide{
			Samples: 16,
			Prefixes: []Network{
				{Name: "2001:db8:a::/48", Count: 7, Share: 7. / 16, MTU: 1280},
				{Name: "198.51.100.0/24", Count: 5, Share: 5. / 16, MTU: 1400},
				{Name: "198.51.101.0/24", Count: 4, Share: 4. / 16, MTU: 1492},
			},
			NextHops: []Inbound{
				{MAC: "02:00:00:00:00:0a", Count: 6, Share: 0.6},
				{MAC: "02:00:00:00:00:0b", Count: 4, Share: 0.4},
			},
		},
		SYNs: NetworkSide{
			Samples:  2,
			Prefixes: []Network{{Name: "203.0.113.0/24", Count: 2, Share: 1, MTU: 1400}},
			NextHops: []Inbound{{MAC: "02:00:00:00:00:0b", Count: 2, Share: 1}},
		},
	}
	if diff := cmp.Diff(want, report(o).Networks); diff != "" {
		t.Error(diff)
	}
}

// Prefixes that come in by more than one neighbour are named with them, a few of
// each; whatever is spoofed beside them is not taken for theirs.
func TestSeveral(t *testing.T) {
	n := newNetworks(nil)
	see := func(network string, from mac, times int) {
		for range times {
			n.count(&sample{source: addr(network).As16(), family: classify.IPv4, mtu: 1400, from: from})
		}
	}
	see("192.0.2.1", macA, 300)
	see("198.51.100.1", macA, 100)
	see("198.51.100.2", macB, 100)
	for last := range byte(MaxNextHops + 3) {
		see("203.0.113.5", mac{0x02, 0, 0, 0, 1, last}, 10)
	}
	several := func() []Several { return n.report().Several }
	want := []Several{
		{Prefix: "198.51.100.0/24", MACs: []string{"02:00:00:00:00:0a", "02:00:00:00:00:0b"}, Count: 200},
		{Prefix: "203.0.113.0/24", MACs: []string{"02:00:00:00:01:00", "02:00:00:00:01:01", "02:00:00:00:01:02", "02:00:00:00:01:03"}, Count: 70},
	}
	if diff := cmp.Diff(want, several()); diff != "" {
		t.Fatal(diff)
	}

	// A flood of other prefixes, each once and by another neighbour: counters change
	// hands all the time, and none has two neighbours because of that.
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 100_000 {
		s := sample{family: classify.IPv6, mtu: 1280, from: []mac{macA, macB}[i%2]}
		binary.BigEndian.PutUint64(s.source[:], 0x2000<<48|r.Uint64()>>16<<16|uint64(i))
		n.count(&s)
	}
	if diff := cmp.Diff(want, several()); diff != "" {
		t.Error(diff)
	}

	// One that takes over a counter now is counted from now on.
	see("192.0.3.1", macB, 60)
	see("192.0.3.1", macA, 60)
	late := Several{Prefix: "192.0.3.0/24", MACs: []string{"02:00:00:00:00:0b", "02:00:00:00:00:0a"}, Count: 120}
	if diff := cmp.Diff([]Several{want[0], late, want[1]}, several()); diff != "" {
		t.Error(diff)
	}
	listed := n.report()
	if len(listed.Prefixes) != MaxNetworks || listed.Prefixes[0].Name != "192.0.2.0/24" || listed.Prefixes[0].Error != 0 {
		t.Errorf("%d prefixes, first %+v", len(listed.Prefixes), listed.Prefixes[0])
	}
}

// Every prefix comes out of its key as it went in.
func TestPrefixKeys(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 1000 {
		var six [16]byte
		binary.BigEndian.PutUint64(six[:], 0x2000<<48|r.Uint64()>>3)
		binary.BigEndian.PutUint64(six[8:], r.Uint64())
		four := [4]byte(six[4:])
		for _, s := range []sample{
			{source: six, family: classify.IPv6},
			{source: netip.AddrFrom4(four).As16(), family: classify.IPv4},
		} {
			bits := 48
			if s.family == classify.IPv4 {
				bits = 24
			}
			want, err := s.address().Prefix(bits)
			if got := prefixOf(s.prefixKey()); err != nil || got != want {
				t.Fatalf("%v becomes %v", want, got)
			}
		}
		m := mac(six[:6])
		if macOf(macKey(m)) != m {
			t.Fatalf("%v becomes %v", m, macOf(macKey(m)))
		}
	}
}

// The first two neighbours alone are enough to be several, in any order.
func TestNextHopsAreOncePerPrefix(t *testing.T) {
	var o origin
	for _, m := range []mac{macB, macA, macB, macA, macA} {
		o.cameBy(m)
	}
	if got := o.nextHops[:o.known]; !slices.Equal(got, []mac{macB, macA}) {
		t.Errorf("next hops %v", got)
	}
}

// However many prefixes there are that come in by several neighbours, a report names
// MaxNetworks of them.
func TestSeveralHaveAnEnd(t *testing.T) {
	o := NewObservations(nil)
	for i := range MaxNetworks + 1 {
		m := ptb(t, classifytest.PTB{Router: netip.AddrFrom4([4]byte{198, 18, byte(i), 1})})
		o.Observe(m, macA)
		o.Observe(m, macB)
	}
	if several := report(o).Networks.PTBs.Several; len(several) != MaxNetworks {
		t.Errorf("%d, want %d", len(several), MaxNetworks)
	}
}

// What is of no family counts nowhere.
func TestNoFamily(t *testing.T) {
	o := NewObservations(nil)
	o.Observe(&classify.Message{}, macA)
	o.ObserveSYN(&classify.SYN{}, macA)
	if n := report(o).Networks; n.PTBs.Samples+n.SYNs.Samples != 0 {
		t.Errorf("%+v", n)
	}
}
