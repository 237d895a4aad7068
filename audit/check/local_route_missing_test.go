package check

import (
	"net/netip"
	"slices"
	"testing"

	"ptbrelay/audit/host"
)

// withoutLocal takes a local route away.
func withoutLocal(f *Facts, p string) {
	f.Routes.Value.Local = slices.DeleteFunc(f.Routes.Value.Local, func(l netip.Prefix) bool { return l == prefix(p) })
}

func TestLocalRouteMissing(t *testing.T) {
	const why = "What is sent to the address, PTBs too, does not reach this host's sockets."
	f := facts()
	withoutLocal(f, "198.51.100.5/32")
	withoutLocal(f, "2001:db8:1::5/128")
	expect(t, "local-route-missing", f,
		Finding{
			Severity: Error,
			Subject:  "198.51.100.5",
			Read:     "address of eth0; routing tables: no local route covers it",
			Why:      why,
			Mend:     "ip route add local 198.51.100.5 dev eth0 table local proto kernel scope host src 198.51.100.5",
		},
		Finding{
			Severity: Error,
			Subject:  "2001:db8:1::5",
			Read:     "address of eth0; routing tables: no local route covers it",
			Why:      why,
			Mend:     "ip -6 route add local 2001:db8:1::5 dev eth0 table local proto kernel",
		})
}

// No local route is due, or a wider one is there.
func TestLocalRouteNotDue(t *testing.T) {
	for name, change := range map[string]func(*Facts){
		"healthy": func(*Facts) {},
		"AnyIP": func(f *Facts) {
			withoutLocal(f, "192.0.2.1/32")
			f.Routes.Value.Local = append(f.Routes.Value.Local, prefix("192.0.2.0/24"))
		},
		"tentative": func(f *Facts) {
			withoutLocal(f, "2001:db8:1::5/128")
			f.Routes.Value.Addresses[4].Tentative = true
		},
		"interface down": func(f *Facts) {
			f.Links.Value = append(f.Links.Value, host.Link{Index: 7, Name: "eth1"})
			f.Routes.Value.Addresses[2] = host.Address{Prefix: prefix("203.0.113.7/24"), Interface: 7}
		},
		"interface gone": func(f *Facts) {
			f.Routes.Value.Addresses[2] = host.Address{Prefix: prefix("203.0.113.7/24"), Interface: 8}
		},
		"multicast": func(f *Facts) {
			f.Routes.Value.Addresses[2] = host.Address{Prefix: prefix("239.1.2.3/32"), Interface: eth0}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts()
			change(f)
			expect(t, "local-route-missing", f, Finding{Severity: OK, Read: "routing tables: a local route for each of 7 addresses"})
		})
	}
}

func TestLocalRouteMissingUnknown(t *testing.T) {
	f := facts()
	f.Routes.Err = errRead
	expectUnknown(t, "local-route-missing", f, "the kernel did not say")
	f = facts()
	f.Links.Err = errRead
	expectUnknown(t, "local-route-missing", f, "the kernel did not say")
	f = facts()
	withoutLocal(f, "2001:db8:1::5/128")
	f.Routes.Value.Restless = true
	expectUnknown(t, "local-route-missing", f, "address of eth0; routing tables: no local route covers it; the tables changed while they were read")
}
