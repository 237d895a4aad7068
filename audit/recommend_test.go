package audit

import (
	"math"
	"testing"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
)

// published is what a large edge found in the SYNs of its clients.
var published = []struct {
	family classify.Family
	// perMille of the connections have each MSS.
	perMille map[uint16]int
	// shares are of MSS, lines of MTUs, in per cent.
	shares map[uint32]float64
	lines  map[uint32]float64
}{
	{
		classify.IPv4,
		map[uint16]int{1460: 470, 1452: 120, 1440: 90, 1400: 118, 1380: 100, 1379: 2, 1360: 60, 1300: 25, 536: 15},
		map[uint32]float64{1460: 47, 1452: 12},
		map[uint32]float64{1500: 47, 1492: 59, 1420: 89.8, 1400: 96},
	},
	{
		classify.IPv6,
		map[uint16]int{1440: 540, 1432: 130, 1420: 107, 1362: 100, 1350: 5, 1340: 50, 1339: 8, 1220: 60},
		map[uint32]float64{1440: 54},
		map[uint32]float64{1500: 54, 1422: 87.7, 1420: 87.7, 1400: 93.2, 1280: 100},
	},
}

// SYNs with the shares that were published lead to the figures that were, to a
// tenth of a per cent: IPv4 with 1420 89.8, IPv6 with 1400 93.2.
func TestPublishedFigures(t *testing.T) {
	o := NewObservations(nil)
	for _, p := range published {
		for mss, n := range p.perMille {
			s := syn(t, classifytest.SYN{Family: p.family, MSS: mss})
			for range 10 * n {
				o.ObserveSYN(s, macA)
			}
		}
	}
	r := report(o)
	for i, p := range published {
		v, e := r.MSS[i], r.Edge[2*i]
		if v.Family != p.family.String() || v.Samples != 10_000 || v.Absent != 0 || r.Messages.SYNs[v.Family] != 10_000 {
			t.Errorf("%v: %+v", p.family, v)
		}
		if e.Family != v.Family || e.Side != ClientMSS || e.Samples != v.Samples || !e.Enough {
			t.Errorf("%v: %s %s of %d samples, enough %v", p.family, e.Family, e.Side, e.Samples, e.Enough)
		}
		got := make(map[uint32]float64)
		for _, c := range v.Counts {
			got[c.Bytes] = c.Share
		}
		near(t, p.family.String()+" share of MSS", got, p.shares)
		got = make(map[uint32]float64)
		for _, l := range e.Lines {
			got[l.MTU] = l.Spared
		}
		near(t, p.family.String()+" spared by MTU", got, p.lines)
	}
}

func near(t *testing.T, what string, got map[uint32]float64, want map[uint32]float64) {
	t.Helper()
	for at, percent := range want {
		if share, ok := got[at]; !ok || math.Abs(100*share-percent) > 0.1 {
			t.Errorf("%s %d: %.2f %%, want %.1f %%", what, at, 100*share, percent)
		}
	}
}

// SYNs that tell no MSS change no share; those cut too short are told apart.
func TestSYNsWithoutMSS(t *testing.T) {
	o := NewObservations(nil)
	for range 3 {
		o.ObserveSYN(syn(t, classifytest.SYN{Family: classify.IPv6, MSS: 1220}), macA)
	}
	o.ObserveSYN(syn(t, classifytest.SYN{Family: classify.IPv6}), macA)
	before := report(o).Edge[2]
	for range 7 {
		o.ObserveSYN(syn(t, classifytest.SYN{Family: classify.IPv6, NoOptions: true}), macA)
	}
	o.ObserveSYN(syn(t, classifytest.SYN{Family: classify.IPv6, Cut: 20}), macA)
	r := report(o)
	v, e := r.MSS[1], r.Edge[2]
	if v.Samples != 4 || v.Absent != 7 || v.Cut != 1 || r.Messages.SYNs["ipv6"] != 12 || r.Messages.SYNs["ipv4"] != 0 {
		t.Errorf("%d samples, %d absent, %d cut of %v; want 4, 7, 1 of 12", v.Samples, v.Absent, v.Cut, r.Messages.SYNs)
	}
	if e.Samples != 4 || e.Lines[0] != before.Lines[0] || e.Lines[0] != (EdgeLine{1500, 0.25}) {
		t.Errorf("edge of %d samples, %+v, before %+v", e.Samples, e.Lines[0], before.Lines[0])
	}
	if n := r.Networks.SYNs.Prefixes[0]; n.Count != 12 || n.MTU != 1280 {
		t.Errorf("network %+v, want 12 messages, most of them with an MSS say 1280", n)
	}
}

// The path's side is of the MTUs that PTBs report, in their own family.
func TestEdgeOfPTBs(t *testing.T) {
	o := NewObservations(nil)
	for mtu, times := range map[classify.MTU]int{1280: 9, 1420: 1} {
		m := ptb(t, classifytest.PTB{Family: classify.IPv6, MTU: mtu})
		for range times {
			o.Observe(m, macA)
		}
	}
	r := report(o)
	for i, want := range []struct {
		family string
		side   Side
	}{{"ipv4", ClientMSS}, {"ipv4", PathPTBs}, {"ipv6", ClientMSS}, {"ipv6", PathPTBs}} {
		if e := r.Edge[i]; e.Family != want.family || e.Side != want.side || i < 3 && (e.Samples != 0 || e.Lines == nil || len(e.Lines) != 0) {
			t.Errorf("%d. edge is %+v, want %v", i, e, want)
		}
	}
	e := r.Edge[3]
	got := make(map[uint32]float64)
	for _, l := range e.Lines {
		got[l.MTU] = l.Spared
	}
	if e.Samples != 10 || e.Enough || got[1500] != 0 || got[1440] != 0 || got[1420] != 0.1 || got[1400] != 0.1 || got[1280] != 1 {
		t.Errorf("%+v", e)
	}
	if v := r.NextHopMTU[1]; v.Samples != 10 || v.Counts[1].Bytes != 1280 || v.Counts[1].MTU != 1280 || v.Counts[1].Count != 9 {
		t.Errorf("%+v", v)
	}
}
