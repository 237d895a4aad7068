package check

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"

	"ptbrelay/audit/host"
)

// manyAddresses is how many IPv6 addresses are too many to choose among for every
// packet that is sent without a source. With 512 of them a ping in the local
// network was measured to take 6.4 instead of 0.2 ms; a quarter of that cost is
// already several times the round trip.
const manyAddresses = 128

// sourceSelectionCost looks for interfaces by which each choice of an IPv6 source
// walks over too many addresses: those of all interfaces, or with
// use_oif_addrs_only of that one (ipv6_dev_get_saddr in net/ipv6/addrconf.c, which
// does not heed the value of all).
func sourceSelectionCost(f *Facts) []Finding {
	const unsaid = "Whether the choice of an IPv6 source address is slow is not known."
	if err := cmp.Or(f.Routes.Err, f.Links.Err); err != nil {
		return []Finding{unknown(err, unsaid)}
	}
	total, own := f.countIPv6()
	read := fmt.Sprintf("addresses: %d of IPv6", total)
	if total < manyAddresses {
		return orOK(nil, read)
	}
	var found []Finding
	for _, l := range f.Links.Value {
		if l.Loopback || !l.Up || own[l.Index].global == 0 && !f.defaultBy(l.Index, true) {
			continue
		}
		only, err := f.setting(ipv6Conf(l, "use_oif_addrs_only"))
		switch {
		case errors.Is(err, fs.ErrNotExist): // the interface has no IPv6
		case err != nil:
			found = append(found, unknownAt(l.Name, err, unsaid))
		case only.value == 0:
			found = append(found, slowChoice(l, only, total, own[l.Index]))
		}
	}
	return orOK(found, read+"; use_oif_addrs_only is on wherever it leaves by")
}

// ipv6Count is how many IPv6 addresses a link has, and how many of them are not
// link-local.
type ipv6Count struct{ all, global int }

// countIPv6 counts those of the host, and of each link by its index.
func (f *Facts) countIPv6() (total int, own map[int]ipv6Count) {
	own = map[int]ipv6Count{}
	for _, a := range f.Routes.Value.Addresses {
		if !a.Prefix.Addr().Is6() {
			continue
		}
		c := own[a.Interface]
		c.all++
		total++
		if !a.Prefix.Addr().IsLinkLocalUnicast() {
			c.global++
		}
		own[a.Interface] = c
	}
	return total, own
}

func slowChoice(l host.Link, only setting, total int, own ipv6Count) Finding {
	found := Finding{
		Severity: Warning,
		Subject:  l.Name,
		Read:     fmt.Sprintf("addresses: %d of IPv6, %d of them on %s; %v", total, own.all, l.Name, only),
		Why:      "For each packet that a program sends without a source address of its own the kernel compares all of them, which costs CPU time and delays it.",
	}
	switch {
	case own.global == 0:
		// With the sysctl on, its link-local address would be all that is left.
		found.Why += " " + l.Name + " needs an address of its own before use_oif_addrs_only can help."
	case own.all >= manyAddresses:
		found.Why += " Move the VIPs among them to lo, or to an AnyIP prefix, and set use_oif_addrs_only."
	default:
		found.Mend = sysctlCommand(1, only)
	}
	return found
}
