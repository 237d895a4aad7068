package classify_test

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"ptbrelay/classify"
)

func TestPrefixSet(t *testing.T) {
	tests := []struct {
		prefixes, inside, outside []string
	}{
		{nil, nil, []string{"0.0.0.0", "192.0.2.1", "::", "2001:db8::1", "255.255.255.255"}},
		{[]string{"192.0.2.1/32"}, []string{"192.0.2.1", "::ffff:192.0.2.1"},
			[]string{"192.0.2.0", "192.0.2.2", "::192.0.2.1", "::c000:201"}},
		{[]string{"::ffff:192.0.2.0/120"}, []string{"192.0.2.0", "192.0.2.255", "::ffff:192.0.2.7"},
			[]string{"192.0.1.255", "192.0.3.0"}},
		{[]string{"::ffff:0:0/96"}, []string{"0.0.0.0", "192.0.2.1", "255.255.255.255"}, []string{"::", "::1:0:0:0"}},
		{[]string{"192.0.2.77/24"}, []string{"192.0.2.0", "192.0.2.255"}, []string{"192.0.3.0"}},
		{[]string{"0.0.0.0/0"}, []string{"0.0.0.0", "255.255.255.255", "::ffff:1.2.3.4"}, []string{"::", "2001:db8::1"}},
		{[]string{"::/0"}, []string{"::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}, []string{"192.0.2.1", "::ffff:192.0.2.1"}},
		{[]string{"2001:db8::/64", "2001:db8:0:1::/64", "2001:db8::5/128"},
			[]string{"2001:db8::", "2001:db8:0:1:ffff:ffff:ffff:ffff"},
			[]string{"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8:0:2::"}},
		{[]string{"2001:db8::/32"}, []string{"2001:db8:ffff::1", "2001:db8::1%eth0"}, []string{"2001:db9::"}},
		{[]string{"255.255.255.255/32", "255.255.255.0/24"}, []string{"255.255.255.255"}, []string{"255.255.254.255"}},
		{[]string{"ffff::/16", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"}, []string{"ffff::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}, []string{"fffe:ffff::"}},
	}
	for _, test := range tests {
		var prefixes []netip.Prefix
		for _, p := range test.prefixes {
			prefixes = append(prefixes, netip.MustParsePrefix(p))
		}
		set := classify.Prefixes(prefixes...)
		for _, a := range test.inside {
			if !set.Contains(netip.MustParseAddr(a)) {
				t.Errorf("%v does not contain %s", test.prefixes, a)
			}
		}
		for _, a := range test.outside {
			if set.Contains(netip.MustParseAddr(a)) {
				t.Errorf("%v contains %s", test.prefixes, a)
			}
		}
	}
}

func TestPrefixSetOfNothing(t *testing.T) {
	var zero classify.PrefixSet
	invalid := classify.Prefixes(netip.Prefix{}, netip.PrefixFrom(netip.IPv4Unspecified(), 33))
	everything := classify.Prefixes(netip.MustParsePrefix("::/0"), netip.MustParsePrefix("0.0.0.0/0"))
	for _, a := range []netip.Addr{{}, netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		if zero.Contains(a) || invalid.Contains(a) {
			t.Errorf("an empty set contains %v", a)
		}
		if everything.Contains(a) != a.IsValid() {
			t.Errorf("the whole set, asked for %v: %v", a, !a.IsValid())
		}
	}
}

// covers is what PrefixSet must do, by the standard library's own means.
func covers(prefixes []netip.Prefix, a netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}

// Few bits vary, so that prefixes overlap, touch and nest, and addresses lie at
// the edges.
func drawAddr(t *rapid.T, name string) netip.Addr {
	edge := rapid.SampledFrom([]byte{0, 1, 2, 0x7f, 0x80, 0xfe, 0xff})
	if rapid.Bool().Draw(t, name+" is IPv4") {
		b := [4]byte{192, 0, edge.Draw(t, name), edge.Draw(t, name)}
		return netip.AddrFrom4(b)
	}
	var b [16]byte
	b[0], b[1] = 0x20, 0x01
	for _, i := range []int{6, 7, 8, 14, 15} {
		b[i] = edge.Draw(t, name)
	}
	return netip.AddrFrom16(b)
}

func TestPrefixSetProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prefixes := make([]netip.Prefix, rapid.IntRange(0, 40).Draw(t, "n"))
		for i := range prefixes {
			a := drawAddr(t, "prefix")
			prefixes[i] = netip.PrefixFrom(a, rapid.IntRange(a.BitLen()/3, a.BitLen()).Draw(t, "bits"))
		}
		set := classify.Prefixes(prefixes...)
		for range 50 {
			a := drawAddr(t, "address")
			for _, a := range []netip.Addr{a, netip.AddrFrom16(a.As16()), a.Next(), a.Prev()} {
				if got, want := set.Contains(a), covers(prefixes, a); got != want {
					t.Fatalf("%v in %v: %v, want %v", a, prefixes, got, want)
				}
			}
		}
	})
}

func TestPrefixSetNoAllocations(t *testing.T) {
	set := classify.Prefixes(hosts(512)...)
	addresses := []netip.Addr{hosts(512)[77].Addr(), netip.MustParseAddr("2001:db8::9"), netip.MustParseAddr("::ffff:1.2.3.4")}
	if n := testing.AllocsPerRun(100, func() {
		for _, a := range addresses {
			set.Contains(a)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// hosts returns n host prefixes, scattered so that none merge.
func hosts(n int) []netip.Prefix {
	prefixes := make([]netip.Prefix, n)
	for i := range prefixes {
		a := netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, byte(i * 7), byte(i >> 8), 15: byte(i * 2)})
		prefixes[i] = netip.PrefixFrom(a, 128)
	}
	return prefixes
}
