package firewall

import "testing"

func segmentRun(ipv6 bool, s segment, tos byte) run {
	return run{
		packet: packet{ipv6: ipv6, entrance: anywhere(), segment: &s},
		state:  state{reached: true, track: established, tos: octet{value: tos, known: 0xff}},
		table:  &table{family: familyINet},
	}
}

func TestTOSPlaces(t *testing.T) {
	for _, tos := range []byte{0x00, 0xb9, 0x5a, 0xff} {
		for _, ipv6 := range []bool{false, true} {
			r := segmentRun(ipv6, segment{}, tos)
			h := r.header(layerNetwork)
			want := []byte{0x40, tos}
			if ipv6 {
				want = []byte{0x60 | tos>>4, tos << 4}
			}
			if got := h.tos(ipv6); got != r.tos || h[:2].equals(want) == no {
				t.Errorf("IPv6 %v, TOS %#x: %+v, header %+v", ipv6, tos, got, h[:2])
			}
		}
	}
	for p, want := range map[place][2]bool{
		{layerNetwork, 0, 1}: {false, true}, {layerNetwork, 1, 1}: {true, true}, {layerNetwork, 0, 2}: {true, true},
		{layerNetwork, 0, 20}: {true, true}, {layerNetwork, 2, 2}: {false, false}, {layerTransport, 0, 2}: {false, false},
	} {
		if got := [2]bool{p.hasTOS(false), p.hasTOS(true)}; got != want {
			t.Errorf("%+v: %v, want %v", p, got, want)
		}
	}
}

// Behind a frame's header lies the packet's, with the TOS byte in it.
func TestLookBehindEthernet(t *testing.T) {
	for p, want := range map[place]bool{{layerLink, 12, 2}: false, {layerLink, 12, 4}: true, {layerTransport, 0, 4}: false} {
		var r run
		if r.look(p); r.looked != want || r.unclear != want {
			t.Errorf("%+v: looked %v, unclear %v, want %v", p, r.looked, r.unclear, want)
		}
	}
}
