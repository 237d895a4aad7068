package settings

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/audit/host"
	"ptbrelay/classify"
	"ptbrelay/config"
	"ptbrelay/relay/admit"
	"ptbrelay/relay/transport"
)

// Nothing of this host has a say: every destination is ours, 1500 is the limit.
func TestAnywhere(t *testing.T) {
	s := Anywhere(config.Default()).Relay()
	for _, a := range []string{"192.0.2.1", "10.0.0.1", "2001:db8::1", "fe80::1"} {
		if !s.Policy.VIPs.Contains(netip.MustParseAddr(a)) {
			t.Errorf("%s is not ours", a)
		}
	}
	if s.Policy.MaxMTU != 1500 {
		t.Errorf("the limit is %d", s.Policy.MaxMTU)
	}
}

// situation is one in which everything has a value of its own.
func situation() Situation {
	c := config.Default()
	c.Interfaces = []string{"eth0", "eth1", "eth2", "tun0"}
	c.VIPs = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	c.Relay.DryRun = true
	c.UDP.Deliver = config.DeliverOwned
	c.Relay.Limits = config.Limits{
		Node: 1, NodeBurst: 2, Router: 3, RouterBurst: 4, Client: 5, ClientBurst: 6,
		Peer: 7, PeerBurst: 8, Deliver: 9, DeliverBurst: 10,
	}
	return Situation{Config: c, Paused: true, Host: host.State{
		Links: []host.Link{
			{Name: "eth0", Index: 2, MTU: 1500, Ethernet: true, Up: true, Running: true, MAC: [6]byte{2, 0, 0, 0, 0, 1}},
			{Name: "eth1", Index: 3, MTU: 9000, Ethernet: true, Up: true, MAC: [6]byte{2, 0, 0, 0, 0, 2}},
			{Name: "tun0", Index: 4, MTU: 1400, Up: true, Running: true},
		},
		Local: []netip.Prefix{netip.MustParsePrefix("198.51.100.1/32")},
	}}
}

// Every limit reaches the bucket of its name, and the policy is one for both sides.
func TestLimits(t *testing.T) {
	s := situation()
	relay, deliver := s.Relay(), s.Deliver()
	wantRelay := admit.Limits{Node: admit.PerSecond(1, 2), Router: admit.PerSecond(3, 4), Client: admit.PerSecond(5, 6)}
	wantDeliver := admit.IntakeLimits{Peer: admit.PerSecond(7, 8), Deliver: admit.PerSecond(9, 10)}
	if relay.Limits != wantRelay || deliver.Limits != wantDeliver {
		t.Errorf("%+v, %+v", relay.Limits, deliver.Limits)
	}
	if !relay.DryRun || !relay.Paused || !deliver.DryRun || !deliver.Paused || !deliver.Owned {
		t.Errorf("%+v, %+v", relay, deliver)
	}
	for _, p := range []classify.Policy{relay.Policy, deliver.Policy} {
		if p.MaxMTU != 9000 || !p.VIPs.Contains(netip.MustParseAddr("192.0.2.7")) || p.VIPs.Contains(netip.MustParseAddr("198.51.100.1")) {
			t.Errorf("%+v", p)
		}
	}
}

// Without a link that is up nothing can be said of the largest MTU.
func TestPolicyWithoutLinks(t *testing.T) {
	s := situation()
	s.Host.Links = nil
	if p := s.Policy(); p.MaxMTU != 1<<32-1 {
		t.Errorf("the limit is %d", p.MaxMTU)
	}
}

// Frames go out only where they can: by Ethernet, and with carrier.
func TestInterfaces(t *testing.T) {
	want := []transport.Interface{{Name: "eth0", Index: 2, MAC: [6]byte{2, 0, 0, 0, 0, 1}}, {Name: "eth1"}, {Name: "eth2"}, {Name: "tun0"}}
	if diff := cmp.Diff(want, situation().Interfaces()); diff != "" {
		t.Error(diff)
	}
}

// Neither this host nor a VIP is a peer.
func TestOwn(t *testing.T) {
	own := situation().Own()
	for a, want := range map[string]bool{"198.51.100.1": true, "192.0.2.7": true, "198.51.100.2": false, "2001:db8::1": false} {
		if own(netip.MustParseAddr(a)) != want {
			t.Errorf("%s: %v", a, !want)
		}
	}
}

// SYNs have a group of their own, if they are observed.
func TestExpectation(t *testing.T) {
	c := config.Default()
	c.Capture.Group = 40
	for mss, want := range map[bool][]uint16{false: {40}, true: {40, 41}} {
		c.Audit.MSS = mss
		if diff := cmp.Diff(want, Expectation(c).Groups); diff != "" {
			t.Errorf("audit.mss %v: %s", mss, diff)
		}
	}
}
