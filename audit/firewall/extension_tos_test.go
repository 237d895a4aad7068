package firewall

import "testing"

func TestTOSMatches(t *testing.T) {
	for _, c := range []struct {
		what, name string
		info       []byte
		tos        byte
		want       match
	}{
		{"EF", "dscp", []byte{0x2e, 0, 0, 0}, 0xb9, yes},
		{"not EF", "dscp", []byte{0x2e, 1, 0, 0}, 0xb9, no},
		{"another", "dscp", []byte{0x2e, 0, 0, 0}, 0xbc, no},
		{"one bit", "tos", []byte{0x03, 0x01, 0, 0}, 0xb9, yes},
		{"not that bit", "tos", []byte{0x03, 0x01, 1, 0}, 0xb9, no},
		{"outside of the mask", "tos", []byte{0x03, 0x11, 0, 0}, 0x11, no},
		{"CE", "ecn", []byte{1, 0, 3, 0}, 0xbb, yes},
		{"not CE", "ecn", []byte{1, 1, 3, 0}, 0xbb, no},
		{"CE and CWR", "ecn", []byte{0x21, 0, 3, 0}, 0xbb, maybe},
		{"CE and CWR", "ecn", []byte{0x21, 0, 3, 0}, 0xb8, no},
		{"CWR", "ecn", []byte{0x20, 0, 0, 0}, 0xb8, maybe},
		{"cut", "tos", []byte{0x03}, 0xb9, maybe},
	} {
		for _, ipv6 := range []bool{false, true} {
			r := segmentRun(ipv6, segment{}, c.tos)
			if got := decodeExtension(c.name, 0, c.info).eval(&r); got != c.want {
				t.Errorf("%s (%s), TOS %#x: %v, want %v", c.name, c.what, c.tos, got, c.want)
			}
		}
	}
}

func TestTOSTargets(t *testing.T) {
	for _, c := range []struct {
		what, name string
		info       []byte
		want       octet
	}{
		{"CS1", "DSCP", []byte{8, 0, 0, 0}, octet{value: 0x21, known: 0xff}},
		{"CE", "TOS", []byte{0x03, 0x03, 0, 0}, octet{value: 0xbb, known: 0xff}},
		{"of IP", "ECN", []byte{1, 2, 0, 0}, octet{value: 0xba, known: 0xff}},
		{"of TCP", "ECN", []byte{0x10, 2, 0, 0}, octet{value: 0xb9, known: 0xff}},
		{"cut", "TOS", []byte{3}, octet{}},
	} {
		r := segmentRun(false, segment{}, 0xb9)
		decodeTarget(c.name, 0, c.info).eval(&r)
		if r.tos != c.want {
			t.Errorf("%s (%s): %+v, want %+v", c.name, c.what, r.tos, c.want)
		}
	}
}
