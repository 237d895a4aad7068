package audit

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"ptbrelay/audit/check"
	"ptbrelay/audit/host"
	"ptbrelay/classify"
)

// HostReport tells what was read of this host and what the checks found. begin are
// the counters at the report's start, for the rates; the zero Counters: there are
// none. Those at its end are the facts' own.
func HostReport(f *check.Facts, begin host.Counters, findings []check.Finding) *Host {
	h := &Host{
		Interfaces: []Interface{}, Exceptions: []Values{}, Counters: []Counter{},
		Routes:   Routes{Tagged: []TaggedRoute{}, NextHops: []RouteNextHop{}},
		Findings: append([]check.Finding{}, findings...),
	}
	names := make(map[int]string)
	if wasRead(h, "interfaces", f.Links) {
		for _, l := range f.Links.Value {
			names[l.Index] = l.Name
			h.Interfaces = append(h.Interfaces, Interface{Name: l.Name, MTU: l.MTU, Up: l.Up})
		}
	}
	if wasRead(h, "routes", f.Routes) {
		h.routes(&f.Routes.Value, names)
	}
	if wasRead(h, "path MTU exceptions", f.Exceptions) {
		h.exceptions(classify.IPv4, &f.Exceptions.Value.IPv4)
		h.exceptions(classify.IPv6, &f.Exceptions.Value.IPv6)
	}
	if wasRead(h, "counters", f.Counters) {
		h.Counters = countersBetween(begin, f.Counters.Value)
	}
	return h
}

// wasRead tells whether a fact could be read, and notes it where it could not.
func wasRead[T any](h *Host, what string, f check.Fact[T]) bool {
	if f.Err != nil {
		h.Errors = append(h.Errors, what+": "+f.Err.Error())
	}
	return f.Err == nil
}

func (h *Host) routes(r *host.Routes, names map[int]string) {
	h.Routes.IPv4, h.Routes.IPv6, h.Routes.LeftOut = r.IPv4, r.IPv6, r.LeftOut
	for i := range r.Tagged {
		t := &r.Tagged[i]
		h.Routes.Tagged = append(h.Routes.Tagged, TaggedRoute{
			Prefix: t.Destination.String(), Table: t.Table, MTU: t.MTU, Locked: t.MTULocked,
			AdvMSS: t.AdvMSS, Object: t.Object,
		})
	}
	for _, w := range r.Ways {
		n := RouteNextHop{
			Interface: names[w.Interface], Neighbour: w.Neighbour.State.String(),
			Routes: w.Routes, Only: w.Only, Dead: w.Dead, LinkDown: w.LinkDown,
		}
		if n.Interface == "" {
			n.Interface = strconv.Itoa(w.Interface)
		}
		if w.Gateway.IsValid() {
			n.Gateway = w.Gateway.String()
		}
		if w.Neighbour.MAC != (host.MAC{}) {
			n.MAC = macText(mac(w.Neighbour.MAC))
		}
		h.Routes.NextHops = append(h.Routes.NextHops, n)
	}
	if r.Restless {
		h.Errors = append(h.Errors, "routes: the tables changed whenever they were read, so some may be twice or missing")
	}
}

func (h *Host) exceptions(f classify.Family, set *host.ExceptionSet) {
	var t tally
	for _, mtu := range slices.SortedFunc(maps.Keys(set.MTUs), func(a, b uint32) int { return cmp.Compare(b, a) }) {
		t.add(mtu, uint64(set.MTUs[mtu]))
	}
	t.samples += uint64(set.OtherMTUs)
	h.Exceptions = append(h.Exceptions, t.report(f, 0))
	if set.Partial {
		h.Errors = append(h.Errors, f.String()+" path MTU exceptions: there are more than were looked at")
	}
}
