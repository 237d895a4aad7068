//go:build linux

package lab_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// expectBlackHole checks that exactly the flows whose PTBs missed their owner
// stalled, and that these are many.
func expectBlackHole(t *testing.T, r lab.Report, landings lab.Landings) {
	t.Helper()
	if err := r.CheckHash(landings); err != nil {
		t.Error(err)
	}
	stalled, missed := sorted(r.Stalled()), sorted(r.Missed(landings))
	if !slices.Equal(stalled, missed) {
		t.Errorf("stalled and missed flows differ:\n%v\n%v", stalled, missed)
	}
	for _, f := range lab.Families() {
		s := r.Family(f).Summary()
		t.Logf("%v: %v", f, s)
		if s.Flows != 64 || s.Stalled < 16 || s.Finished == 0 {
			t.Errorf("%v: %v; want 64 flows of which at least 16 stall and some finish", f, s)
		}
	}
}

func sorted(flows []lab.Flow) []lab.Flow {
	return slices.SortedFunc(slices.Values(flows), func(a, b lab.Flow) int { return cmp.Compare(a.String(), b.String()) })
}

// preflight fails the test where a phase would prove nothing.
func preflight(t *testing.T, l *lab.Lab) {
	t.Helper()
	if err := l.Preflight(); err != nil {
		t.Fatal(err)
	}
}

func TestDownloadsStallWhosePTBsMissTheirOwner(t *testing.T) {
	for _, o := range []lab.Options{
		{Offload: false, VIPs: lab.VIPOnLoopback},
		{Offload: true, VIPs: lab.VIPOnLoopback},
		{Offload: false, VIPs: lab.VIPAnyIP},
		{Offload: true, VIPs: lab.VIPOnInterface},
		{VIPCount: 3, Macvlan: true},
		{Shape: lab.ShapeRouted, Offload: true},
		{Shape: lab.ShapeRouted, VIPs: lab.VIPAnyIP},
		{Shape: lab.ShapeRouted, VIPs: lab.VIPOnInterface, Macvlan: true, Servers: 8},
	} {
		t.Run(fmt.Sprintf("%v/offload=%v/vip=%v", o.Shape, o.Offload, o.VIPs), func(t *testing.T) {
			t.Parallel() // it waits more than it works
			begin := time.Now()
			l := labtest.New(t, o)
			t.Logf("built in %v", time.Since(begin))
			taps := labtest.TapServers(t, l)
			preflight(t, l)
			r := labtest.Downloads(t, l, lab.Load{})
			expectBlackHole(t, r, l.Landings(taps))
			expectExceptions(t, l, r)
		})
	}
}

// expectExceptions checks that the owners of the flows that finished hold an
// exception of the path's MTU, those of the stalled ones none, and nobody any
// other.
func expectExceptions(t *testing.T, l *lab.Lab, r lab.Report) {
	t.Helper()
	for _, x := range r.Results {
		if x.Owner < 0 {
			t.Errorf("%v has no owner: %v", x.Flow, x.Err)
			continue
		}
		mtu, exception, err := l.Servers[x.Owner].PathMTU(x.Flow.VIP.Addr(), x.Flow.Client.Addr())
		if err != nil {
			t.Fatal(err)
		}
		want := 1500
		if x.Finished {
			want = l.Options.PathMTU
		}
		if mtu != want || exception != x.Finished {
			t.Errorf("%v, finished %v: owner has path MTU %d, exception %v", x.Flow, x.Finished, mtu, exception)
		}
	}
	for _, f := range lab.Families() {
		sum := 0
		for _, s := range l.Servers {
			n, err := s.Exceptions(f)
			if err != nil {
				t.Fatal(err)
			}
			sum += n
		}
		if want := r.Family(f).Summary().Finished; sum != want {
			t.Errorf("%d %v exceptions on all servers, want %d", sum, f, want)
		}
	}
	if err := l.Preflight(); err == nil {
		t.Error("Preflight finds nothing after the phase")
	}
}

func TestProbesStallWhosePTBsMissTheirOwner(t *testing.T) {
	for _, o := range []lab.Options{
		{VIPs: lab.VIPOnLoopback},
		{VIPs: lab.VIPAnyIP, VIPCount: 3},
		{Shape: lab.ShapeRouted},
	} {
		t.Run(fmt.Sprintf("%v/vip=%v", o.Shape, o.VIPs), func(t *testing.T) {
			t.Parallel() // it waits more than it works
			l := labtest.New(t, o)
			taps := labtest.TapServers(t, l)
			preflight(t, l)
			r := labtest.Probes(t, l, lab.Load{Port: 4433, Timeout: time.Second})
			expectBlackHole(t, r, l.Landings(taps))
			expectExceptions(t, l, r)
			for _, x := range r.Results {
				want := 1500
				if x.Finished {
					want = l.Options.PathMTU
				}
				if x.MTU != want {
					t.Errorf("%v, finished %v: socket has path MTU %d", x.Flow, x.Finished, x.MTU)
				}
			}
		})
	}
}

func TestSameFlowsHaveSameOwnersInFreshLabs(t *testing.T) {
	var first map[lab.Flow]int
	for _, shape := range []lab.Shape{lab.ShapeSegment, lab.ShapeSegment, lab.ShapeRouted} {
		l := labtest.New(t, lab.Options{Shape: shape, PathMTU: 1500})
		owners := make(map[lab.Flow]int)
		r := labtest.Downloads(t, l, lab.Load{Size: 1})
		for _, x := range r.Results {
			if !x.Finished {
				t.Errorf("%v: %v", x.Flow, x.Err)
			}
			owners[x.Flow] = x.Owner
		}
		if first == nil {
			first = owners
		}
		if !maps.Equal(first, owners) {
			t.Errorf("owners differ:\n%v\n%v", first, owners)
		}
	}
}

func TestEverythingFinishesWithoutSmallLink(t *testing.T) {
	for _, o := range []lab.Options{{SegmentMTU: 1500}, {SegmentMTU: 9000}, {Shape: lab.ShapeRouted, SegmentMTU: 9000}} {
		o.PathMTU, o.Servers, o.Clients = 1500, 2, 8
		l := labtest.New(t, o)
		r := labtest.Downloads(t, l, lab.Load{})
		if s := r.Summary(); s.Finished != 16 {
			t.Errorf("%v, segment MTU %d: %v", o.Shape, o.SegmentMTU, s)
		}
		preflight(t, l)
	}
}

func TestPTBRateIsKept(t *testing.T) {
	const rate = 10
	l := labtest.New(t, lab.Options{PTBRate: rate})
	taps := labtest.TapServers(t, l)
	begin := time.Now()
	labtest.Downloads(t, l, lab.Load{Timeout: time.Second})
	seconds := time.Since(begin).Seconds()
	n := 0
	for _, tap := range taps {
		n += len(tap.PTBs())
	}
	if most := int(rate*(seconds+1)) + 2; n == 0 || n > most {
		t.Errorf("%d PTBs in %.1f s, want 1 to %d", n, seconds, most)
	}
}
