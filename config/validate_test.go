package config

import (
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ptbrelay/classify"
)

// Flags set fields after the file was read, so every rule holds for typed
// values alone.
func TestRulesOnTypedValues(t *testing.T) {
	for _, test := range []struct {
		want   string
		change func(*Config)
	}{
		{`interfaces[1]: "a\nb" is no interface name; it has no slash, colon, space or control character`,
			func(c *Config) { c.Interfaces = []string{"eth0", "a\nb"} }},
		{`interfaces[0]: eth0:1 is no interface name; it has no slash, colon, space or control character`,
			func(c *Config) { c.Interfaces = []string{"eth0:1"} }},
		{`interfaces[0]: .. is no interface; name one as ` + "`ip link`" + ` shows it`,
			func(c *Config) { c.Interfaces = []string{".."} }},
		{"vips[0]: not a prefix; write it as 192.0.2.0/24 or 2001:db8::/64",
			func(c *Config) { c.VIPs = []netip.Prefix{{}} }},
		{"vips[0]: 2001:db8::1/64 has host bits set; did you mean 2001:db8::/64, or 2001:db8::1 alone",
			func(c *Config) { c.VIPs = []netip.Prefix{netip.MustParsePrefix("2001:db8::1/64")} }},
		{"vips[0]: ::ffff:0.0.0.0/95 is IPv4 written as IPv6; write it as 192.0.2.0/24",
			func(c *Config) {
				c.VIPs = []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr("::ffff:0.0.0.0"), 95)}
			}},
		{"policy.protocols[0]: 1 is not a protocol with ports; of tcp, udp, sctp, dccp",
			func(c *Config) { c.Policy.Protocols = []classify.Protocol{1} }},
		{"policy.mtu.max: 1400 leaves nothing to believe; 0 for that of the interfaces, else more than min4 and min6, here 1400",
			func(c *Config) { c.Policy.MTU = MTU{Min4: 1400, Min6: 1280, Max: 1400} }},
		{"relay.limits.node: -1 is not a rate; 1 to 1000000000 packets a second",
			func(c *Config) { c.Relay.Limits.Node = -1 }},
		{"relay.limits.router: 0 is not a rate; 1 to 1000000000 packets a second",
			func(c *Config) { c.Relay.Limits.Router = 0 }},
		{"relay.limits.router_burst: 0 is not a burst; 1 to 2000000000 packets",
			func(c *Config) { c.Relay.Limits.RouterBurst = 0 }},
		{"relay.limits.client: 0 is not a rate; 1 to 1000000000 packets a second",
			func(c *Config) { c.Relay.Limits.Client = 0 }},
		{"relay.limits.client_burst: 0 is not a burst; 1 to 2000000000 packets",
			func(c *Config) { c.Relay.Limits.ClientBurst = 0 }},
		{"relay.limits.peer: 0 is not a rate; 1 to 1000000000 packets a second",
			func(c *Config) { c.Relay.Limits.Peer = 0 }},
		{"relay.limits.peer_burst: 0 is not a burst; 1 to 2000000000 packets",
			func(c *Config) { c.Relay.Limits.PeerBurst = 0 }},
		{"relay.limits.deliver: 0 is not a rate; 1 to 1000000000 packets a second",
			func(c *Config) { c.Relay.Limits.Deliver = 0 }},
		{"relay.limits.deliver_burst: 2000000001 is not a burst; 1 to 2000000000 packets",
			func(c *Config) { c.Relay.Limits.DeliverBurst = 2e9 + 1 }},
		{"udp.port: 0 is not a port; 1 to 65535", func(c *Config) { c.UDP.Port = 0 }},
		{"udp.tolerance: 999ms is out of range; 1s to 10m0s", func(c *Config) { c.UDP.Tolerance = 999 * time.Millisecond }},
		{"udp.deliver: all is not known; one of local, owned", func(c *Config) { c.UDP.Deliver = "all" }},
		{"udp.listen: 192.0.2.2:7690 is not an address; write one a family without port, such as 192.0.2.2 or \"192.0.2.2, 2001:db8::2\"",
			func(c *Config) { c.UDP.Listen = "192.0.2.2:7690" }},
		{`udp.listen: "" is not an address; write one a family without port, such as 192.0.2.2 or "192.0.2.2, 2001:db8::2"`,
			func(c *Config) { c.UDP.Listen = "192.0.2.2," }},
		{"udp.key_file: transport udp needs keys; make them once with `ptbrelay genkey > FILE; chmod 600 FILE`, name FILE here and give it to every server, where the user that the daemon runs as owns it",
			func(c *Config) { c.Relay.Transport = TransportUDP }},
		{"udp.insecure: true beside udp.key_file; remove one of them",
			func(c *Config) { c.UDP.KeyFile, c.UDP.Insecure = "keys", true }},
		{`udp.key_file: "a\x00b" is no file name; it holds a control character`,
			func(c *Config) { c.UDP.KeyFile = "a\x00b" }},
		{"udp.key_file: /etc/ptbrelay/ is a folder; name a file",
			func(c *Config) { c.UDP.KeyFile = "/etc/ptbrelay/" }},
		{`peers.file: "/` + strings.Repeat("x", 63) + `"... is too long; a path has at most 4095 bytes`,
			func(c *Config) { c.Peers.File = "/" + strings.Repeat("x", 4095) }},
		{"peers.static[1]: not an address; write it as 192.0.2.2 or 2001:db8::2",
			func(c *Config) { c.Peers.Static = []netip.AddrPort{netip.MustParseAddrPort("192.0.2.2:0"), {}} }},
		{"peers.static[1]: 192.0.2.2:7000 is named twice; remove one",
			func(c *Config) {
				c.UDP.Port = 7000
				c.Peers.Static = []netip.AddrPort{netip.MustParseAddrPort("192.0.2.2:0"), netip.MustParseAddrPort("192.0.2.2:7000")}
			}},
		{"peers.static[0]: fe80::1%eth0 has a zone; members talk over routed addresses, write one of those",
			func(c *Config) { c.Peers.Static = []netip.AddrPort{netip.MustParseAddrPort("[fe80::1%eth0]:1")} }},
		{"peers.static[0]: 192.0.2.1 is covered by the VIP 192.0.2.1, which every server holds; write the peer's own address",
			func(c *Config) {
				c.VIPs = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}
				c.Peers.Static = []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:0")}
			}},
		{"peers.static: 4097 peers; at most 4096",
			func(c *Config) {
				for i := range 4097 {
					c.Peers.Static = append(c.Peers.Static, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 0))
				}
			}},
		{`peers.dns.name: "` + strings.Repeat("a.", 32) + `"... is no DNS name; write it as peers.example.org`,
			func(c *Config) { c.Peers.DNS.Name = strings.Repeat("a.", 127) + "a" }},
		{"peers.dns.refresh: 0s is out of range; 1s to 24h0m0s", func(c *Config) { c.Peers.DNS.Refresh = 0 }},
		{"audit.routes_every: 25h0m0s is out of range; 1s to 24h0m0s", func(c *Config) { c.Audit.RoutesEvery = 25 * time.Hour }},
		{"control: run/control.sock is not an absolute path; begin it with a slash, empty is off",
			func(c *Config) { c.Control = "run/control.sock" }},
		{`control: "/run/a\x00b" is not an absolute path; begin it with a slash, empty is off`,
			func(c *Config) { c.Control = "/run/a\x00b" }},
		{`control: "/` + strings.Repeat("x", 63) + `"... is too long; a socket's path has at most 107 bytes`,
			func(c *Config) { c.Control = "/" + strings.Repeat("x", 107) }},
		{`log.level: "" is not known; one of debug, info, warn, error`, func(c *Config) { c.Log.Level = "" }},
		{`http.listen: "a b:1" is not host:port, such as localhost:7690 or [::1]:7690; empty is off`,
			func(c *Config) { c.HTTP.Listen = "a b:1" }},
		{"http.config_file: /etc/ptbrelay/ is a folder; name a file",
			func(c *Config) { c.HTTP.ConfigFile = "/etc/ptbrelay/" }},
	} {
		c := Default()
		test.change(&c)
		if got := c.Validate(); got == nil || got.Error() != test.want {
			t.Errorf("got  %v\nwant %s", got, test.want)
		}
	}
}

func TestProblemsStandInTheOrderOfTheKeys(t *testing.T) {
	c := Default()
	c.Log.Format = "xml"
	c.Control = "elsewhere"
	c.HTTP.ConfigFile = "web/"
	c.Relay.Transport = TransportUDP
	c.Interfaces = []string{"", "a/b"}
	var got []string
	for line := range strings.Lines(c.Validate().Error()) {
		path, _, _ := strings.Cut(line, ":")
		got = append(got, path)
	}
	want := []string{"interfaces[0]", "interfaces[1]", "udp.key_file", "http.config_file", "control", "log.format"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// The zero Config is wrong in many ways; it must be refused, not panic.
func TestZeroConfigIsRefused(t *testing.T) {
	if err := new(Config).Validate(); err == nil {
		t.Error("valid")
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "1": 1, "1023": 1023, "8MiB": 8 << 20, "1GiB": 1 << 30, "3KiB": 3 << 10, "-1KiB": -1024,
		"9223372036854775807": math.MaxInt64,
	} {
		got, err := parseSize(text)
		if err != nil || got != want {
			t.Errorf("%s: got %d, %v", text, got, err)
		}
		if got.String() != text {
			t.Errorf("%s: written as %s", text, got)
		}
	}
	for _, text := range []string{"", "MiB", "8 MiB", "8MB", "8kB", "8M", "8mib", "1.5MiB", "010", "0x8", "+8", "9223372036854775808", "8589934592GiB"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%q: got %d", text, got)
		}
	}
}
