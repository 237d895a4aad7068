package host

import (
	"net/netip"
	"testing"
)

func TestLargestMTU(t *testing.T) {
	loopback := Link{Name: "lo", MTU: 65536, Loopback: true, Up: true}
	for _, c := range []struct {
		name  string
		links []Link
		mtu   uint32
		ok    bool
	}{
		{"no links", nil, 0, false},
		{"loopback only", []Link{loopback}, 0, false},
		{"down only", []Link{loopback, {MTU: 9000}}, 0, false},
		{"one up", []Link{loopback, {MTU: 1500, Up: true}}, 1500, true},
		{"down is larger", []Link{{MTU: 1400, Up: true}, {MTU: 9000}}, 1400, true},
		{"largest first", []Link{{MTU: 9000, Up: true}, {MTU: 1500, Up: true}}, 9000, true},
		{"largest last", []Link{{MTU: 1500, Up: true}, {MTU: 9000, Up: true}}, 9000, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if mtu, ok := (State{Links: c.links}).LargestMTU(); mtu != c.mtu || ok != c.ok {
				t.Errorf("%d, %v, want %d, %v", mtu, ok, c.mtu, c.ok)
			}
		})
	}
}

func TestLinkByName(t *testing.T) {
	s := State{Links: []Link{{Index: 1, Name: "lo"}, {Index: 7, Name: "eth0"}}}
	if l, ok := s.Link("eth0"); !ok || l.Index != 7 {
		t.Errorf("eth0: %+v, %v", l, ok)
	}
	for _, name := range []string{"", "eth", "eth00"} {
		if l, ok := s.Link(name); ok || l != (Link{}) {
			t.Errorf("%q: %+v, %v", name, l, ok)
		}
	}
}

// Two independent states are equal until any one thing of them differs.
func TestEqual(t *testing.T) {
	state := func() State {
		return State{
			Links: []Link{
				{Index: 1, Name: "lo", MTU: 65536, Loopback: true, Up: true},
				{Index: 2, Name: "eth0", MTU: 1500, MAC: MAC{2, 0, 0x5e, 0x10, 0, 1}, Ethernet: true, Up: true},
			},
			Local: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("2001:db8::/64")},
		}
	}
	if !state().Equal(state()) || !(State{}).Equal(State{Links: []Link{}, Local: []netip.Prefix{}}) {
		t.Error("equal states differ")
	}
	for name, change := range map[string]func(*State){
		"index":        func(s *State) { s.Links[1].Index++ },
		"name":         func(s *State) { s.Links[1].Name = "eth1" },
		"MTU":          func(s *State) { s.Links[1].MTU-- },
		"MAC":          func(s *State) { s.Links[1].MAC[5]++ },
		"Ethernet":     func(s *State) { s.Links[1].Ethernet = false },
		"loopback":     func(s *State) { s.Links[0].Loopback = false },
		"up":           func(s *State) { s.Links[1].Up = false },
		"link gone":    func(s *State) { s.Links = s.Links[:1] },
		"address":      func(s *State) { s.Local[0] = netip.MustParsePrefix("192.0.2.2/32") },
		"length":       func(s *State) { s.Local[1] = netip.MustParsePrefix("2001:db8::/65") },
		"address gone": func(s *State) { s.Local = s.Local[:1] },
	} {
		changed := state()
		change(&changed)
		if changed.Equal(state()) || state().Equal(changed) {
			t.Errorf("%s differs, but the states are equal", name)
		}
	}
}
