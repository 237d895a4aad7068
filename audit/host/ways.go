package host

import (
	"cmp"
	"net/netip"
	"slices"
)

// ways counts the routes by the next hops that they go by.
type ways struct {
	byHop    map[hopKey]*way
	kept     kept[*way]
	defaults map[defaultKey]*defaultRoutes
	routes   int // serial number of the route that is counted
}

// hopKey is what makes two next hops one way.
type hopKey struct {
	gateway netip.Addr
	iface   int
}

type way struct {
	Way
	last int // serial number of the last route that goes this way
}

// defaultKey names default routes that the kernel falls back between.
type defaultKey struct {
	ipv6   bool
	table  uint32
	metric uint32       // IPv4 only
	source netip.Prefix // IPv6 only
}

// defaultRoutes are the routes of a key: as long as all go one way, that way and
// how many they are.
type defaultRoutes struct {
	way    *way
	routes int
	other  bool // some go another way
}

func newWays() ways {
	return ways{byHop: make(map[hopKey]*way), defaults: make(map[defaultKey]*defaultRoutes)}
}

// count takes a unicast route with its next hops.
func (w *ways) count(r *FIBRoute) {
	w.routes++
	isDefault := r.Destination.Bits() == 0
	var only *way // where it is the only one
	several := false
	for i := range r.NextHops {
		at := w.at(&r.NextHops[i], isDefault)
		several = several || i > 0 && (at == nil || at != only)
		if i == 0 {
			only = at
		}
		if at == nil || at.last == w.routes {
			continue
		}
		at.last = w.routes
		at.Routes++
		at.Default = at.Default || isDefault
		if isDefault && r.Origin == OriginRouterAdvertisement {
			at.Advertised++
		}
	}
	switch {
	case isDefault:
		w.fallBack(r, only, several)
	case only != nil && !several:
		only.Only++
	}
}

// at finds the way of a next hop; nil where it is left out.
func (w *ways) at(h *NextHop, isDefault bool) *way {
	key := hopKey{h.Gateway, h.Interface}
	found := w.byHop[key]
	if found == nil {
		found = &way{Way: Way{Gateway: h.Gateway, Interface: h.Interface}}
		if !w.kept.add(found, isDefault) {
			return nil
		}
		w.byHop[key] = found
	}
	found.Dead = found.Dead || h.Dead
	found.LinkDown = found.LinkDown || h.LinkDown
	return found
}

// fallBack takes a default route into account with those that it stands in for.
func (w *ways) fallBack(r *FIBRoute, only *way, several bool) {
	key := defaultKey{ipv6: r.Destination.Addr().Is6(), table: r.Table, source: r.Source}
	if !key.ipv6 {
		key.metric = r.Metric
	}
	routes := w.defaults[key]
	if routes == nil {
		if len(w.defaults) == MaxKept {
			return
		}
		routes = &defaultRoutes{way: only}
		w.defaults[key] = routes
	}
	routes.routes++
	routes.other = routes.other || several || only != routes.way
}

// list returns the ways by interface and gateway, and how many next hops go
// others.
func (w *ways) list() (list []Way, leftOut int) {
	for _, d := range w.defaults {
		if d.way != nil && !d.other {
			d.way.Only += d.routes
		}
	}
	found, leftOut := w.kept.list()
	for _, way := range found {
		list = append(list, way.Way)
	}
	slices.SortFunc(list, func(a, b Way) int {
		return cmp.Or(cmp.Compare(a.Interface, b.Interface), a.Gateway.Compare(b.Gateway))
	})
	return list, leftOut
}
