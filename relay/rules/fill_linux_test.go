package rules

import (
	"net/netip"
	"testing"
)

func TestAfter(t *testing.T) {
	for prefix, want := range map[string]string{
		"192.0.2.0/25":         "192.0.2.128",
		"192.0.2.255/32":       "192.0.3.0",
		"2001:db8::/32":        "2001:db9::",
		"2001:db8::ffff/128":   "2001:db8::1:0",
		"0.0.0.0/1":            "128.0.0.0",
		"2001:db8:0:fff0::/60": "2001:db8:1::",
	} {
		if got := after(netip.MustParsePrefix(prefix)); got != netip.MustParseAddr(want) {
			t.Errorf("after %s comes %s, want %s", prefix, got, want)
		}
	}
	for _, last := range []string{"255.255.255.255/32", "0.0.0.0/0", "8000::/1"} {
		if got := after(netip.MustParsePrefix(last)); got.IsValid() {
			t.Errorf("after %s comes %s, want nothing", last, got)
		}
	}
}
