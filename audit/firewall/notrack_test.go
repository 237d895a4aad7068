package firewall

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

func TestNotrackLegacy(t *testing.T) {
	r := Ruleset{Legacy: []string{"ip filter", "ip mangle", "ip6 raw"}}
	if d := r.Notrack(Service{VIP: netip.MustParsePrefix("2001:db8::1/128")}); d != (Deed{Perhaps, "iptables-legacy ip6 raw", "not shown by netlink"}) {
		t.Errorf("%+v", d)
	}
	if d := r.Notrack(Service{VIP: netip.MustParsePrefix("192.0.2.1/32")}); d != (Deed{}) {
		t.Errorf("IPv4, without a table raw: %+v", d)
	}
}

func TestPrefixWord(t *testing.T) {
	for p, want := range map[string]uint32{"192.0.2.1/32": ^uint32(0), "192.0.2.0/24": 0xffffff00, "192.0.0.0/13": 0xfff80000, "0.0.0.0/0": 0} {
		w := prefixWord(netip.MustParsePrefix(p))
		var known [4]byte
		for i, o := range w {
			known[i] = o.known
			if o.value&^o.known != 0 {
				t.Errorf("%s: %+v", p, o)
			}
		}
		if binary.BigEndian.Uint32(known[:]) != want {
			t.Errorf("%s: knows %x", p, known)
		}
	}
}
