package host

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// by is a next hop whose gateway is 198.51.100.N on the link N.
func by(n byte) NextHop {
	return NextHop{Gateway: netip.AddrFrom4([4]byte{198, 51, 100, n}), Interface: int(n)}
}

func routeTo(prefix string, table, metric uint32, hops ...NextHop) FIBRoute {
	return FIBRoute{Destination: netip.MustParsePrefix(prefix), Table: table, Metric: metric, Type: RouteUnicast, NextHops: hops}
}

func TestWays(t *testing.T) {
	advertised := routeTo("::/0", 254, 1024, by(1))
	advertised.Origin = OriginRouterAdvertisement
	ofSource := routeTo("::/0", 254, 1024, by(2))
	ofSource.Source = netip.MustParsePrefix("2001:db8::/48")
	down := by(1)
	down.LinkDown = true
	for _, c := range []struct {
		name   string
		routes []FIBRoute
		want   []Way // of which only the counts and flags are looked at
	}{
		{"one way", []FIBRoute{routeTo("10.0.0.0/8", 254, 0, by(1)), routeTo("10.0.0.0/9", 254, 0, by(1))}, []Way{{Routes: 2, Only: 2}}},
		{"two ways", []FIBRoute{routeTo("10.0.0.0/8", 254, 0, by(1), by(2))}, []Way{{Routes: 1}, {Routes: 1}}},
		{"one way twice", []FIBRoute{routeTo("10.0.0.0/8", 254, 0, by(1), by(1))}, []Way{{Routes: 1, Only: 1}}},
		{"two ways, the first twice", []FIBRoute{routeTo("10.0.0.0/8", 254, 0, by(1), by(1), by(2))}, []Way{{Routes: 1}, {Routes: 1}}},
		{"no way", []FIBRoute{routeTo("10.0.0.0/8", 254, 0)}, nil},
		{"down for one route", []FIBRoute{routeTo("10.0.0.0/8", 254, 0, by(1)), routeTo("10.0.0.0/9", 254, 0, down)}, []Way{{Routes: 2, Only: 2, LinkDown: true}}},
		{"same prefix is no fallback", []FIBRoute{routeTo("10.0.0.0/8", 254, 1, by(1)), routeTo("10.0.0.0/8", 254, 2, by(2))},
			[]Way{{Routes: 1, Only: 1}, {Routes: 1, Only: 1}}},

		{"default, IPv4", []FIBRoute{routeTo("0.0.0.0/0", 254, 5, by(1)), routeTo("0.0.0.0/0", 254, 5, by(1))}, []Way{{Routes: 2, Only: 2, Default: true}}},
		{"default, IPv4, one metric", []FIBRoute{routeTo("0.0.0.0/0", 254, 5, by(1)), routeTo("0.0.0.0/0", 254, 5, by(2))},
			[]Way{{Routes: 1, Default: true}, {Routes: 1, Default: true}}},
		{"default, IPv4, two metrics", []FIBRoute{routeTo("0.0.0.0/0", 254, 5, by(1)), routeTo("0.0.0.0/0", 254, 6, by(2))},
			[]Way{{Routes: 1, Only: 1, Default: true}, {Routes: 1, Only: 1, Default: true}}},
		{"default, IPv4, two tables", []FIBRoute{routeTo("0.0.0.0/0", 254, 5, by(1)), routeTo("0.0.0.0/0", 255, 5, by(2))},
			[]Way{{Routes: 1, Only: 1, Default: true}, {Routes: 1, Only: 1, Default: true}}},
		{"default, IPv6, two metrics", []FIBRoute{routeTo("::/0", 254, 5, by(1)), routeTo("::/0", 254, 6, by(2))},
			[]Way{{Routes: 1, Default: true}, {Routes: 1, Default: true}}},
		{"default, IPv6, of a source", []FIBRoute{advertised, ofSource}, []Way{{Routes: 1, Only: 1, Default: true, Advertised: 1}, {Routes: 1, Only: 1, Default: true}}},
		{"default, both families", []FIBRoute{routeTo("::/0", 254, 0, by(1)), routeTo("0.0.0.0/0", 254, 0, by(2))},
			[]Way{{Routes: 1, Only: 1, Default: true}, {Routes: 1, Only: 1, Default: true}}},
		{"default, one of two ways", []FIBRoute{routeTo("::/0", 254, 1, by(1), by(2)), routeTo("::/0", 254, 2, by(1))},
			[]Way{{Routes: 2, Default: true}, {Routes: 1, Default: true}}},
		{"default, none has a next hop", []FIBRoute{routeTo("::/0", 254, 1)}, nil},
		{"default, of one it is not known", []FIBRoute{routeTo("::/0", 254, 1), routeTo("::/0", 254, 2, by(1))}, []Way{{Routes: 1, Default: true}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWays()
			for _, r := range c.routes {
				w.count(&r)
			}
			got, leftOut := w.list()
			if d := cmp.Diff(c.want, got, cmpopts.IgnoreFields(Way{}, "Gateway", "Interface"), cmpopts.EquateEmpty()); d != "" || leftOut != 0 {
				t.Errorf("%d left out, -want +got:\n%s", leftOut, d)
			}
		})
	}
}

// A way that is left out is another way nevertheless.
func TestWaysLeftOut(t *testing.T) {
	w := newWays()
	for i := range MaxKept {
		r := routeTo("10.0.0.0/8", 254, 0, NextHop{Interface: 1000 + i})
		w.count(&r)
	}
	for _, hops := range [][]NextHop{{by(1)}, {by(1), by(1)}, {by(1), {Interface: 1000}}, {{Interface: 1000}, by(1)}} {
		r := routeTo("10.0.0.0/9", 254, 0, hops...)
		w.count(&r)
	}
	got, leftOut := w.list()
	if first := got[0]; len(got) != MaxKept || leftOut != 5 || first.Interface != 1000 || first.Routes != 3 || first.Only != 1 {
		t.Errorf("%d ways, the first %+v, %d left out", len(got), first, leftOut)
	}
}

// Default routes of more kinds than are looked at are never the only ones.
func TestWaysManyDefaults(t *testing.T) {
	w := newWays()
	for table := range uint32(MaxKept + 10) {
		r := routeTo("0.0.0.0/0", table, 0, by(1))
		w.count(&r)
	}
	if got, _ := w.list(); got[0].Routes != MaxKept+10 || got[0].Only != MaxKept {
		t.Errorf("%+v", got)
	}
}
