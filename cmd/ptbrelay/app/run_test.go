package app

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/pflag"

	"ptbrelay/audit/host"
	"ptbrelay/config"
)

// override is what flags make of a configuration.
func override(t *testing.T, c config.Config, args ...string) (config.Config, error) {
	t.Helper()
	var f runFlags
	s := pflag.NewFlagSet("run", pflag.ContinueOnError)
	f.register(s)
	if err := s.Parse(args); err != nil {
		t.Fatal(err)
	}
	return c, f.override(s, &c)
}

// file is a configuration in which every key that has a flag is set.
func file() config.Config {
	c := config.Default()
	c.Interfaces = []string{"eth7", "eth8"}
	c.VIPs = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	c.Policy.Ports = []uint16{22, 25}
	c.Relay.Transport = config.TransportUDP
	c.Relay.DryRun = true
	c.Peers.Static = []netip.AddrPort{netip.MustParseAddrPort("192.0.2.99:1")}
	c.UDP.KeyFile = "/etc/keys"
	c.HTTP.Listen = "localhost:1"
	return c
}

// A flag replaces its key, a list as a whole, and touches no other.
func TestOverride(t *testing.T) {
	for _, c := range []struct {
		args []string
		want func(*config.Config)
	}{
		{nil, func(*config.Config) {}},
		{[]string{"--interface", "eth0"}, func(c *config.Config) { c.Interfaces = []string{"eth0"} }},
		{[]string{"--interface", "eth0", "--interface=eth1"}, func(c *config.Config) { c.Interfaces = []string{"eth0", "eth1"} }},
		{[]string{"--vip", "192.0.2.1", "--vip", "2001:db8::/64"}, func(c *config.Config) {
			c.VIPs = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("2001:db8::/64")}
		}},
		{[]string{"--port", "443"}, func(c *config.Config) { c.Policy.Ports = []uint16{443} }},
		{[]string{"--port", "1", "--port", "65535"}, func(c *config.Config) { c.Policy.Ports = []uint16{1, 65535} }},
		{[]string{"--transport", "broadcast"}, func(c *config.Config) { c.Relay.Transport = config.TransportBroadcast }},
		{[]string{"--peer", "192.0.2.7", "--peer", "192.0.2.8:7000"}, func(c *config.Config) {
			c.Peers.Static = []netip.AddrPort{netip.AddrPortFrom(netip.MustParseAddr("192.0.2.7"), 0), netip.MustParseAddrPort("192.0.2.8:7000")}
		}},
		{[]string{"--key-file", "/k"}, func(c *config.Config) { c.UDP.KeyFile = "/k" }},
		{[]string{"--dry-run=false"}, func(c *config.Config) { c.Relay.DryRun = false }},
		{[]string{"--http", ""}, func(c *config.Config) { c.HTTP.Listen = "" }},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			want := file()
			c.want(&want)
			got, err := override(t, file(), c.args...)
			if d := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{}, netip.AddrPort{})); d != "" || err != nil {
				t.Errorf("error %v, -want +got:\n%s", err, d)
			}
		})
	}
	got, err := override(t, config.Default(), "--dry-run")
	if !got.Relay.DryRun || err != nil {
		t.Errorf("--dry-run alone: %v, %v", got.Relay.DryRun, err)
	}
}

// All that is wrong with the flags is said, not the first of it.
func TestOverrideReportsAll(t *testing.T) {
	_, err := override(t, config.Default(), "--port", "0", "--port", "443", "--port", "70000",
		"--vip", "192.0.2.1/24", "--vip", "192.0.2.1", "--vip", "x", "--interface", "eth0")
	if err == nil {
		t.Fatal("no error")
	}
	var flags []string
	for line := range strings.Lines(err.Error()) {
		flags = append(flags, line[:strings.Index(line, ": ")])
	}
	want := []string{"--port 0", "--port 70000", "--vip 192.0.2.1/24", "--vip x"}
	if d := cmp.Diff(want, flags); d != "" {
		t.Errorf("-want +got:\n%s\nin\n%v", d, err)
	}
}

// Only what can broadcast now is offered.
func TestDescribeCandidates(t *testing.T) {
	lo := host.Link{Name: "lo", MTU: 65536, Loopback: true, Up: true}
	eth := func(name string, mtu uint32) host.Link {
		return host.Link{Name: name, MTU: mtu, Ethernet: true, Up: true}
	}
	down := eth("eth9", 1500)
	down.Up = false
	for _, c := range []struct {
		links []host.Link
		want  string
	}{
		{nil, "none is up"},
		{[]host.Link{lo, down, {Name: "tun0", MTU: 1400, Up: true}}, "none is up"},
		{[]host.Link{lo, eth("eth0", 1500)}, "eth0 (MTU 1500)"},
		{[]host.Link{lo, eth("eth0", 1500), down, eth("eth1", 9000)}, "eth0 (MTU 1500), eth1 (MTU 9000)"},
	} {
		if got := describeCandidates(host.State{Links: c.links}); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
