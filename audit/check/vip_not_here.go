package check

import (
	"fmt"
	"net/netip"
	"slices"

	"ptbrelay/audit/host"
)

// vipNotHere looks for configured VIPs of which the kernel calls no address local.
func vipNotHere(f *Facts) []Finding {
	vips := f.Expect.VIPs
	if len(vips) == 0 {
		return orOK(nil, "configuration: no vips, so they are all that local routes lead to")
	}
	if f.Routes.Err != nil {
		return []Finding{unknown(f.Routes.Err, "Whether this host has the VIPs is not known.")}
	}
	var found []Finding
	for _, v := range vips {
		if !slices.ContainsFunc(f.Routes.Value.Local, v.Overlaps) {
			found = append(found, f.absent(f.notHere(v)))
		}
	}
	return orOK(found, "routing tables: local routes for "+vipNames(vips))
}

func (f *Facts) notHere(v netip.Prefix) Finding {
	found := Finding{
		Severity: Error,
		Subject:  vipName(v),
		Read:     "configuration: it is one of vips; routing tables: no local route for it",
		Why:      "With broadcast the kernel takes a copy only for an address that is its own: connections of this VIP are not healed here.",
		Mend:     addVIP(v),
	}
	if f.Expect.Transport == UDP {
		found.Severity = Info
		found.Why = "This server relays PTBs for the VIP and takes none itself; add it if it is to be served here."
	}
	if v.IsSingleIP() && slices.ContainsFunc(f.Routes.Value.Addresses, func(a host.Address) bool { return a.Prefix.Addr() == v.Addr() }) {
		found.Why += " The address is there, only its local route is not: see local-route-missing."
		found.Mend = ""
	}
	return found
}

// addVIP gives loopback an address, or a prefix by AnyIP.
func addVIP(v netip.Prefix) string {
	if v.IsSingleIP() {
		return fmt.Sprintf("%s addr add %v dev lo", ipCommand(v.Addr()), v)
	}
	return fmt.Sprintf("%s route add local %v dev lo", ipCommand(v.Addr()), v)
}
