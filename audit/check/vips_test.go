package check

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/audit/host"
)

func TestVIPs(t *testing.T) {
	anyIP := func(f *Facts) {
		f.Expect.VIPs = nil
		f.Routes.Value.Local = append(f.Routes.Value.Local, prefixes("203.0.113.0/24", "2001:db8:aaaa::/48", "203.0.113.9/32")...)
	}
	for name, c := range map[string]struct {
		change func(*Facts)
		want   []netip.Prefix
	}{
		"configured": {
			func(f *Facts) { f.Expect.VIPs = prefixes("198.51.100.0/24") },
			prefixes("198.51.100.0/24"),
		},
		"on loopback": {
			func(f *Facts) { f.Expect.VIPs = nil },
			prefixes("192.0.2.1/32", "2001:db8:ffff::1/128"),
		},
		"AnyIP, by a prefix and by an address": {
			anyIP,
			prefixes("192.0.2.1/32", "2001:db8:ffff::1/128", "203.0.113.0/24", "2001:db8:aaaa::/48", "203.0.113.9/32"),
		},
		"link-local on loopback, as a resolver of the node's": {
			func(f *Facts) {
				f.Expect.VIPs = nil
				f.Routes.Value.Addresses = append(f.Routes.Value.Addresses, host.Address{Prefix: prefix("169.254.20.10/32"), Interface: loopback})
				f.Routes.Value.Local = append(f.Routes.Value.Local, prefix("169.254.20.10/32"))
			},
			prefixes("192.0.2.1/32", "2001:db8:ffff::1/128"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts()
			c.change(f)
			got, err := f.vips()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
				t.Errorf("wanted (-), got (+):\n%s", diff)
			}
		})
	}
}
