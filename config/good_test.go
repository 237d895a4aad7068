package config

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"ptbrelay/classify"
)

// The defaults, written out once more: a change of them is a change of what
// every user without a file gets.
func TestDefault(t *testing.T) {
	want := Config{
		Policy: Policy{
			Protocols: []classify.Protocol{6, 17},
			MTU:       MTU{Min4: 576, Min6: 1280},
		},
		Relay: Relay{
			Transport: "broadcast",
			Limits: Limits{
				Node: 1000, NodeBurst: 2000, Router: 250, RouterBurst: 500, Client: 50, ClientBurst: 250,
				Peer: 1000, PeerBurst: 2000, Deliver: 5000, DeliverBurst: 10000,
			},
		},
		UDP:     UDP{Port: 7690, Tolerance: 30 * time.Second, Deliver: "local"},
		Peers:   Peers{DNS: DNS{Refresh: 30 * time.Second}},
		Capture: Capture{Group: 33, Buffer: 8388608},
		Rules:   Rules{Manage: true, NodeGuard: 100000},
		Audit:   Audit{RoutesEvery: time.Minute},
		HTTP:    HTTP{Listen: "localhost:7690"},
		Control: "/run/ptbrelay/control.sock",
		Log:     Log{Level: "info", Format: "text"},
	}
	got := Default()
	if d := diff(want, got); d != "" {
		t.Error(d)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
}

func TestGoodFiles(t *testing.T) {
	with := func(change func(*Config)) Config {
		c := Default()
		change(&c)
		return c
	}
	prefixes := func(texts ...string) (list []netip.Prefix) {
		for _, text := range texts {
			list = append(list, netip.MustParsePrefix(text))
		}
		return list
	}
	peers := func(texts ...string) (list []netip.AddrPort) {
		for _, text := range texts {
			list = append(list, netip.MustParseAddrPort(text))
		}
		return list
	}
	want := map[string]Config{
		"empty.yaml":          Default(),
		"comments.yaml":       Default(),
		"sections.yaml":       Default(),
		"defaults.yaml":       Default(),
		"minimal.yaml":        with(func(c *Config) { c.Interfaces = []string{"eth0"} }),
		"document-marks.yaml": with(func(c *Config) { c.Log.Level = LevelDebug }),
		"crlf.yaml": with(func(c *Config) {
			c.VIPs = prefixes("192.0.2.1/32")
			c.Relay.DryRun = true
		}),
		"json.yaml": with(func(c *Config) {
			c.Interfaces = []string{"eth0"}
			c.Capture.Buffer = 4 * MiB
			c.HTTP.Listen = "[::1]:0"
		}),
		"udp.yaml": with(func(c *Config) {
			c.VIPs = prefixes("192.0.2.1/32", "2001:db8:ffff::1/128")
			c.Relay.Transport = TransportUDP
			c.UDP = UDP{Listen: "198.51.100.2, 2001:db8::2", Port: 7000, KeyFile: "/etc/ptbrelay/keys", Tolerance: 10 * time.Minute, Deliver: DeliverOwned}
			c.Peers = Peers{
				Static: peers("198.51.100.2:0", "198.51.100.3:7001", "198.51.100.3:7002", "127.0.0.1:0", "169.254.0.1:0", "[2001:db8::3]:0", "[2001:db8::4]:65535"),
				File:   "/etc/ptbrelay/peers",
				DNS:    DNS{Name: "_relay.peers-1.example.org.", Refresh: time.Second},
			}
			c.Control = ""
		}),
		"migrating.yaml": with(func(c *Config) {
			c.Interfaces = []string{"eth0"}
			c.UDP.Insecure = true
			c.Peers.Static = peers("198.51.100.2:0")
			c.Control = "/tmp/c"
		}),
		"edge.yaml": with(func(c *Config) {
			c.Interfaces = []string{"eth0", "bond0.100"}
			c.VIPs = prefixes("192.0.2.1/32", "198.51.100.0/24", "2001:db8:ffff::1/128", "2001:db8::/64")
			c.Policy = Policy{
				Protocols: []classify.Protocol{classify.TCP, classify.UDP, classify.SCTP, classify.DCCP},
				Ports:     []uint16{53, 443},
				MTU:       MTU{Min4: 68, Min6: 1280, Max: 9000},
				Strict:    true,
			}
			c.Relay.DryRun = true
			c.Relay.Limits.Node, c.Relay.Limits.NodeBurst = 1e9, 2e9
			c.Capture = Capture{Group: 65535, Buffer: GiB}
			c.Rules = Rules{Manage: false, NodeGuard: 1}
			c.HTTP.Listen = ""
			c.Log = Log{Level: LevelError, Format: FormatJSON}
		}),
	}
	good := files(t, "good")
	for name := range want {
		if _, ok := good[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	for name, text := range good {
		got, err := Parse(strings.NewReader(text), name)
		if err != nil {
			t.Error(err)
			continue
		}
		if d := diff(want[name], got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestParseReportsReadError(t *testing.T) {
	_, err := Parse(iotest.ErrReader(iotest.ErrTimeout), "f.yaml")
	if err == nil || !strings.Contains(err.Error(), "f.yaml") {
		t.Errorf("got %v", err)
	}
}

func TestLoad(t *testing.T) {
	c, empty, err := Load("testdata/good/minimal.yaml")
	if err != nil || len(c.Interfaces) != 1 || empty {
		t.Errorf("got %v, empty %v, %v", c.Interfaces, empty, err)
	}
	c, empty, err = Load(os.DevNull)
	if d := diff(Default(), c); d != "" || !empty || err != nil {
		t.Errorf("of an empty file: empty %v, %v, %s", empty, err, d)
	}
	for path, want := range map[string]string{
		"testdata/absent.yaml":  "config: open testdata/absent.yaml: ",
		"testdata":              "config testdata: ",
		"testdata/bad/nul.yaml": "testdata/bad/nul.yaml:2:16: ",
	} {
		if _, _, err := Load(path); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("of %s: %v, want %s...", path, err, want)
		}
	}
}
