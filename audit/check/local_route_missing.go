package check

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"ptbrelay/audit/host"
)

// localRouteMissing looks for addresses of interfaces that no local route leads
// to. None is due for an address whose interface is down, or whose uniqueness the
// kernel has not established yet.
func localRouteMissing(f *Facts) []Finding {
	if err := cmp.Or(f.Routes.Err, f.Links.Err); err != nil {
		return []Finding{unknown(err, "Whether the kernel delivers to all addresses of this host is not known.")}
	}
	local := newPrefixSet(f.Routes.Value.Local)
	var found []Finding
	for _, a := range f.Routes.Value.Addresses {
		l, ok := f.link(a.Interface)
		if !ok || !l.Up || a.Tentative || a.Prefix.Addr().IsMulticast() || local.contains(a.Prefix.Addr()) {
			continue
		}
		found = append(found, f.absent(Finding{
			Severity: Error,
			Subject:  a.Prefix.Addr().String(),
			Read:     fmt.Sprintf("address of %s; routing tables: no local route covers it", l.Name),
			Why:      "What is sent to the address, PTBs too, does not reach this host's sockets.",
			Mend:     addLocal(a.Prefix.Addr(), l),
		}))
	}
	return orOK(found, fmt.Sprintf("routing tables: a local route for each of %d addresses", len(f.Routes.Value.Addresses)))
}

// absent is a finding that some route is not there, which is not known while the
// tables change faster than they can be read.
func (f *Facts) absent(found Finding) Finding {
	if f.Routes.Value.Restless {
		return Finding{
			Severity: Unknown,
			Subject:  found.Subject,
			Read:     found.Read + "; the tables changed while they were read",
			Why:      "Whether the route is there is not known: look again when routing is calm.",
		}
	}
	return found
}

// addLocal is the route that the kernel makes with an address.
func addLocal(a netip.Addr, l host.Link) string {
	add := fmt.Sprintf("%s route add local %v dev %s table local proto kernel", ipCommand(a), a, shellWord(l.Name))
	if a.Is4() {
		add += fmt.Sprintf(" scope host src %v", a)
	}
	return add
}

// prefixSet finds the prefix of an address among thousands of single addresses and
// a few that are wider.
type prefixSet struct {
	single map[netip.Addr]bool
	wide   []netip.Prefix
}

func newPrefixSet(prefixes []netip.Prefix) prefixSet {
	s := prefixSet{single: map[netip.Addr]bool{}}
	for _, p := range prefixes {
		if p.IsSingleIP() {
			s.single[p.Addr()] = true
		} else {
			s.wide = append(s.wide, p)
		}
	}
	return s
}

func (s prefixSet) contains(a netip.Addr) bool {
	return s.single[a] || slices.ContainsFunc(s.wide, func(p netip.Prefix) bool { return p.Contains(a) })
}
