package check

import (
	"slices"
	"testing"

	"ptbrelay/audit/host"
)

// withoutAddress is a host that never had an address.
func withoutAddress(f *Facts, p string) {
	withoutLocal(f, p)
	f.Routes.Value.Addresses = slices.DeleteFunc(f.Routes.Value.Addresses, func(a host.Address) bool {
		return a.Prefix.Addr() == prefix(p).Addr()
	})
}

func TestVIPNotHere(t *testing.T) {
	const (
		read      = "configuration: it is one of vips; routing tables: no local route for it"
		broadcast = "With broadcast the kernel takes a copy only for an address that is its own: connections of this VIP are not healed here."
		relays    = "This server relays PTBs for the VIP and takes none itself; add it if it is to be served here."
	)
	for name, c := range map[string]struct {
		fault func(*Facts)
		want  Finding
	}{
		"broadcast, IPv4": {
			func(f *Facts) { withoutAddress(f, "192.0.2.1/32") },
			Finding{Severity: Error, Subject: "192.0.2.1", Read: read, Why: broadcast, Mend: "ip addr add 192.0.2.1/32 dev lo"},
		},
		"broadcast, IPv6": {
			func(f *Facts) { withoutAddress(f, "2001:db8:ffff::1/128") },
			Finding{Severity: Error, Subject: "2001:db8:ffff::1", Read: read, Why: broadcast, Mend: "ip -6 addr add 2001:db8:ffff::1/128 dev lo"},
		},
		"broadcast, prefix": {
			func(f *Facts) { f.Expect.VIPs = prefixes("203.0.113.0/25") },
			Finding{Severity: Error, Subject: "203.0.113.0/25", Read: read, Why: broadcast, Mend: "ip route add local 203.0.113.0/25 dev lo"},
		},
		"its local route is gone": {
			func(f *Facts) { withoutLocal(f, "192.0.2.1/32") },
			Finding{Severity: Error, Subject: "192.0.2.1", Read: read,
				Why: broadcast + " The address is there, only its local route is not: see local-route-missing."},
		},
		"udp": {
			func(f *Facts) { f.Expect.Transport = UDP; withoutAddress(f, "192.0.2.1/32") },
			Finding{Severity: Info, Subject: "192.0.2.1", Read: read, Why: relays, Mend: "ip addr add 192.0.2.1/32 dev lo"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts()
			c.fault(f)
			expect(t, "vip-not-here", f, c.want)
		})
	}
}

func TestVIPHere(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Facts)
		read   string
	}{
		"healthy": {func(*Facts) {}, "routing tables: local routes for 192.0.2.1, 2001:db8:ffff::1"},
		"by AnyIP": {
			func(f *Facts) {
				withoutLocal(f, "192.0.2.1/32")
				f.Routes.Value.Local = append(f.Routes.Value.Local, prefix("192.0.2.0/24"))
			},
			"routing tables: local routes for 192.0.2.1, 2001:db8:ffff::1",
		},
		"one address of a prefix": {
			func(f *Facts) { f.Expect.VIPs = prefixes("192.0.2.0/24") },
			"routing tables: local routes for 192.0.2.0/24",
		},
		"none configured": {
			func(f *Facts) { f.Expect.VIPs = nil; f.Routes.Err = errRead },
			"configuration: no vips, so they are all that local routes lead to",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts()
			c.change(f)
			expect(t, "vip-not-here", f, Finding{Severity: OK, Read: c.read})
		})
	}
}

func TestVIPNotHereUnknown(t *testing.T) {
	f := facts()
	f.Routes.Err = errRead
	expectUnknown(t, "vip-not-here", f, "the kernel did not say")
	f = facts()
	withoutLocal(f, "192.0.2.1/32")
	f.Routes.Value.Restless = true
	expectUnknown(t, "vip-not-here", f, "configuration: it is one of vips; routing tables: no local route for it; the tables changed while they were read")
}
