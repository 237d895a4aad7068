package rules

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The kernel refuses sets whose elements overlap.
func TestSplitDropsCovered(t *testing.T) {
	v4, v6 := split(prefixes("192.0.2.1/32", "2001:db8::1/128", "192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32", "192.0.2.1/32"))
	if diff := cmp.Diff(prefixes("192.0.2.0/24", "198.51.100.0/24"), v4, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(prefixes("2001:db8::/32"), v6, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}
