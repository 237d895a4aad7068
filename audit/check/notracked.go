package check

import (
	"fmt"
	"net/netip"
	"slices"

	"ptbrelay/audit/firewall"
	"ptbrelay/audit/host"
)

// notracked is whether conntrack passes over a service of this host.
type notracked struct {
	firewall.Deed
	what string // the service
}

// mostServices bounds for how many it is asked; each is a walk through the rules.
const mostServices = 64

// notracked asks for the services of the VIPs of a family: all of TCP, all of UDP, and
// what the ports are that sockets listen on. The likeliest is told.
func (f *Facts) notracked(ipv6 bool) (most notracked) {
	for _, s := range f.services(ipv6) {
		if d := f.Firewall.Value.Notrack(s); d.Likelihood > most.Likelihood {
			most = notracked{d, serviceName(s)}
		}
	}
	return most
}

// mostNotracked is the likeliest of the families of an outcome.
func mostNotracked(o filtered, passed func(ipv6 bool) notracked) (most notracked) {
	for _, ipv6 := range []bool{false, true} {
		if !hasFamily(o.entrances, ipv6) {
			continue
		}
		if n := passed(ipv6); n.Likelihood > most.Likelihood {
			most = n
		}
	}
	return most
}

// services are those of a family's VIPs, of any address where no VIP is known.
func (f *Facts) services(ipv6 bool) (all []firewall.Service) {
	vips, _ := f.vips() // what could not be read has a finding elsewhere
	vips = slices.DeleteFunc(slices.Clone(vips), func(p netip.Prefix) bool { return p.Addr().Is6() != ipv6 })
	if len(vips) == 0 {
		vips = []netip.Prefix{everything(ipv6)}
	}
	for _, vip := range vips {
		all = append(all, firewall.Service{VIP: vip}, firewall.Service{VIP: vip, UDP: true})
	}
	for _, vip := range vips {
		for _, l := range f.Listeners.Value {
			s := firewall.Service{VIP: vip, UDP: l.UDP, Port: l.Local.Port()}
			if len(all) < mostServices && serves(l, vip) && !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return all[:min(len(all), mostServices)]
}

func everything(ipv6 bool) netip.Prefix {
	if ipv6 {
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
}

// serves reports whether a socket takes what comes to a VIP.
func serves(l host.Listener, vip netip.Prefix) bool {
	a := l.Local.Addr().WithZone("")
	switch {
	case a == netip.IPv6Unspecified():
		return vip.Addr().Is6() || !l.IPv6Only
	case a.IsUnspecified():
		return vip.Addr().Is4()
	}
	return vip.Contains(a)
}

func serviceName(s firewall.Service) string {
	name := "TCP"
	if s.UDP {
		name = "UDP"
	}
	if s.Port != 0 {
		name += fmt.Sprintf(" port %d", s.Port)
	}
	if s.VIP.Bits() > 0 {
		name += " of " + vipName(s.VIP)
	}
	return name
}
