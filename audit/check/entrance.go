package check

import (
	"slices"

	"ptbrelay/audit/firewall"
	"ptbrelay/audit/host"
)

// entrance is a way that PTBs come in by: a family, and an interface; no name: any
// but loopback.
type entrance struct {
	ipv6  bool
	name  string
	index int
}

func (e entrance) ptb(s firewall.State) firewall.PTB {
	return firewall.PTB{IPv6: e.ipv6, Interface: e.name, Index: e.index, State: s}
}

// entrances are those that PTBs may come in by: in each family that the host speaks
// the interfaces that lead to routers, or that copies are broadcast on. Where they
// are not known, or too many to ask for one by one, that is any.
func (f *Facts) entrances() (all []entrance) {
	for _, ipv6 := range []bool{false, true} {
		if !f.speaks(ipv6) {
			continue
		}
		links := slices.DeleteFunc(slices.Clone(f.Links.Value), func(l host.Link) bool {
			return !l.Up || l.Loopback || !f.leadsToRouters(l.Index, ipv6) && !f.broadcastsOn(l.Name)
		})
		if len(links) == 0 || len(links) > mostListed || f.Routes.Err != nil {
			all = append(all, entrance{ipv6: ipv6})
			continue
		}
		for _, l := range links {
			all = append(all, entrance{ipv6, l.Name, l.Index})
		}
	}
	return all
}

func (f *Facts) broadcastsOn(name string) bool {
	return f.Expect.Transport != UDP && slices.Contains(f.Expect.Interfaces, name)
}

// speaks reports whether PTBs may come in that family: whether an address is local
// that is more than loopback or of the link. Hosts without IPv6 often have a packet
// filter that drops all of it, which is no fault. What could not be read may be so.
func (f *Facts) speaks(ipv6 bool) bool {
	if f.Routes.Err != nil {
		return true
	}
	for _, p := range f.Routes.Value.Local {
		a := p.Addr()
		if a.Is6() == ipv6 && !a.IsLoopback() && !a.IsLinkLocalUnicast() && !a.IsMulticast() {
			return true
		}
	}
	return false
}

// leadsToRouters reports whether a default route of a family goes by that link, or any
// route by a router on it that has an address of the family. What could not be read
// may.
func (f *Facts) leadsToRouters(index int, ipv6 bool) bool {
	return f.Routes.Err != nil ||
		slices.ContainsFunc(f.Routes.Value.Ways, func(w host.Way) bool {
			return w.Interface == index && w.Gateway.IsValid() && w.Gateway.Is6() == ipv6
		}) ||
		f.defaultBy(index, ipv6)
}

// defaultBy reports whether a default route of a family goes by that link.
func (f *Facts) defaultBy(index int, ipv6 bool) bool {
	return slices.ContainsFunc(f.Routes.Value.Default, func(r host.FIBRoute) bool {
		return r.Destination.Addr().Is6() == ipv6 && slices.ContainsFunc(r.NextHops, func(h host.NextHop) bool { return h.Interface == index })
	})
}
