package check

import (
	"testing"

	"ptbrelay/audit/host"
)

func TestVIPSubnetRouterAnycast(t *testing.T) {
	const why = "It means every router of that link, so no router there sends a PTB to it: connections that need its PTBs hang. Use another address."
	for name, c := range map[string]struct {
		fault func(*Facts)
		want  Finding
	}{
		"VIP on loopback, first of the link's prefix": {
			func(f *Facts) { f.Expect.VIPs = prefixes("2001:db8:1::/128") },
			Finding{Severity: Warning, Subject: "2001:db8:1::", Read: "addresses: it is the first of 2001:db8:1::/64, which is on a link", Why: why},
		},
		"address of an interface": {
			func(f *Facts) {
				f.Routes.Value.Addresses = append(f.Routes.Value.Addresses, host.Address{Prefix: prefix("2001:db8:7::1:0/112"), Interface: eth0})
			},
			Finding{Severity: Warning, Subject: "2001:db8:7::1:0", Read: "addresses: it is the first of 2001:db8:7::1:0/112, which is on a link", Why: why},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts()
			c.fault(f)
			expect(t, "vip-subnet-router-anycast", f, c.want)
		})
	}
}

func TestVIPNoSubnetRouterAnycast(t *testing.T) {
	add := func(f *Facts, p string, link int) {
		f.Routes.Value.Addresses = append(f.Routes.Value.Addresses, host.Address{Prefix: prefix(p), Interface: link})
	}
	for name, change := range map[string]func(*Facts){
		"healthy":             func(*Facts) {},
		"link of two":         func(f *Facts) { add(f, "2001:db8:7::/127", eth0) },
		"a single address":    func(f *Facts) { add(f, "2001:db8:7::/128", eth0) },
		"IPv4":                func(f *Facts) { add(f, "203.0.113.0/24", eth0) },
		"prefix on loopback":  func(f *Facts) { add(f, "2001:db8:7::/64", loopback) },
		"VIPs without number": func(f *Facts) { f.Expect.VIPs = prefixes("2001:db8:1::/64") },
		"interface down": func(f *Facts) {
			f.Links.Value = append(f.Links.Value, host.Link{Index: 7, Name: "eth1"})
			add(f, "2001:db8:7::/64", 7)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts()
			change(f)
			expect(t, "vip-subnet-router-anycast", f, Finding{
				Severity: OK,
				Read:     "addresses: neither they nor the VIPs are the first of an IPv6 prefix on a link",
			})
		})
	}
}

func TestVIPSubnetRouterAnycastUnknown(t *testing.T) {
	f := facts()
	f.Routes.Err = errRead
	expectUnknown(t, "vip-subnet-router-anycast", f, "the kernel did not say")
	f = facts()
	f.Links.Err = errRead
	expectUnknown(t, "vip-subnet-router-anycast", f, "the kernel did not say")
}
