package check

import (
	"net/netip"
	"testing"

	"ptbrelay/audit/host"
)

func TestIPv6MultipathExceptions(t *testing.T) {
	second := host.NextHop{Gateway: netip.MustParseAddr("2001:db8:1::2"), Interface: eth0}
	f := facts()
	f.Routes.Value.Default[1].NextHops = append(f.Routes.Value.Default[1].NextHops, second)
	expect(t, "ipv6-multipath-exceptions", f, Finding{
		Severity: Info,
		Subject:  "::/0 table main metric 0",
		Read:     "routing tables: 2 next hops",
		Why:      "The kernel keeps an IPv6 path MTU with one next hop only: other flows to the same client learn it anew, each by a PTB of its own.",
	})

	f = facts()
	f.Routes.Value.Default[0].NextHops = append(f.Routes.Value.Default[0].NextHops, second) // IPv4
	f.Routes.Value.Tagged = []host.FIBRoute{tagged("2001:db8:9::/48", 1400, func(r *host.FIBRoute) { r.NextHops = append(r.NextHops, second) })}
	expect(t, "ipv6-multipath-exceptions", f, Finding{Severity: OK, Read: "routing tables: no IPv6 default route with several next hops"})
}

func TestIPv6MultipathExceptionsUnknown(t *testing.T) {
	f := facts()
	f.Routes.Err = errRead
	expectUnknown(t, "ipv6-multipath-exceptions", f, "the kernel did not say")
	f = facts()
	f.Routes.Value.Default = make([]host.FIBRoute, host.MaxKept)
	f.Routes.Value.LeftOut = 1
	expectUnknown(t, "ipv6-multipath-exceptions", f, "routing tables: more than 1000 default routes, of which the first were looked at")
}
