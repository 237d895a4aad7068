package config

import (
	"net/netip"
	"slices"
	"testing"
)

func TestStaticPeersHaveAPort(t *testing.T) {
	c, err := parseText(`
udp: {port: 7000}
peers: {static: [198.51.100.2, "198.51.100.3:7690", "2001:db8::2", "[2001:db8::3]:1"]}`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range c.StaticPeers() {
		got = append(got, p.String())
	}
	want := []string{"198.51.100.2:7000", "198.51.100.3:7690", "[2001:db8::2]:7000", "[2001:db8::3]:1"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if c.Peers.Static[0].Port() != 0 {
		t.Error("the configuration itself was changed")
	}
}

func TestListenAddresses(t *testing.T) {
	four, six := netip.MustParseAddr("198.51.100.2"), netip.MustParseAddr("2001:db8::2")
	for text, want := range map[string][]netip.Addr{
		"":                            nil,
		"198.51.100.2":                {four},
		"2001:db8::2":                 {six},
		"198.51.100.2,2001:db8::2":    {four, six},
		" 2001:db8::2 , 198.51.100.2": {six, four},
		"127.0.0.1":                   {netip.MustParseAddr("127.0.0.1")},
	} {
		c := Default()
		c.UDP.Listen = text
		if err := c.Validate(); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if got := c.UDP.ListenAddresses(); !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}
