package check

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/audit/firewall"
	"ptbrelay/audit/host"
)

// Indexes of the healthy host's links.
const (
	loopback = 1
	eth0     = 2
)

var errRead = errors.New("the kernel did not say")

// facts are those of a healthy edge server of both families, with its VIPs on
// loopback, where ptbrelay would broadcast on eth0. Each call makes new ones, for
// a test to break in one place.
func facts() *Facts {
	return &Facts{
		Expect: Expect{
			Transport:  Broadcast,
			Interfaces: []string{"eth0"},
			VIPs:       prefixes("192.0.2.1/32", "2001:db8:ffff::1/128"),
			HTTP:       "localhost:7690",
			UDPPort:    7690,
			Groups:     []uint16{33},
		},
		Links: read([]host.Link{
			{Index: loopback, Name: "lo", MTU: 65536, Loopback: true, Up: true, Running: true},
			{Index: eth0, Name: "eth0", MTU: 1500, MAC: host.MAC{2, 0, 0, 0, 0, 5}, Ethernet: true, Up: true, Running: true},
		}),
		Routes:     read(routes()),
		Rules:      read(rules()),
		Exceptions: read(host.Exceptions{}),
		Listeners:  read([]host.Listener{{Local: netip.MustParseAddrPort("0.0.0.0:443")}}),
		Programs:   read([]host.Program(nil)),
		LogGroups:  read([]host.LogGroup(nil)),
		Clock:      read(host.Clock{Synchronised: true, MaxError: 20 * time.Millisecond}),
		Counters:   read(host.Counters{At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Opened: 1000}),
		Firewall:   read(firewall.Ruleset{}),
		Sysctl: sysctls{
			"net/ipv4/conf/all/rp_filter":                     "0",
			"net/ipv4/conf/lo/rp_filter":                      "0",
			"net/ipv4/conf/eth0/rp_filter":                    "0",
			"net/ipv4/conf/all/drop_unicast_in_l2_multicast":  "0",
			"net/ipv4/conf/eth0/drop_unicast_in_l2_multicast": "0",
			"net/ipv6/conf/all/drop_unicast_in_l2_multicast":  "0",
			"net/ipv6/conf/eth0/drop_unicast_in_l2_multicast": "0",
			"net/ipv4/ip_no_pmtu_disc":                        "0",
			"net/ipv4/route/min_pmtu":                         "552",
			"net/ipv4/route/mtu_expires":                      "600",
			"net/ipv6/route/mtu_expires":                      "600",
			"net/ipv4/tcp_mtu_probing":                        "1",
			"net/ipv6/conf/all/forwarding":                    "0",
			"net/ipv6/conf/eth0/accept_ra":                    "0",
			"net/ipv6/conf/eth0/accept_ra_defrtr":             "1",
			"net/ipv6/conf/eth0/disable_ipv6":                 "0",
			"net/ipv6/conf/eth0/forwarding":                   "0",
			"net/ipv6/conf/eth0/use_oif_addrs_only":           "0",
		}.read,
	}
}

// routes has one default route a family.
func routes() host.Routes {
	gateway4, gateway6 := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db8:1::1")
	return host.Routes{
		IPv4: 6,
		IPv6: 8,
		Default: []host.FIBRoute{
			{Destination: prefix("0.0.0.0/0"), Table: host.TableMain, Type: host.RouteUnicast,
				NextHops: []host.NextHop{{Gateway: gateway4, Interface: eth0}}},
			{Destination: prefix("::/0"), Table: host.TableMain, Type: host.RouteUnicast,
				NextHops: []host.NextHop{{Gateway: gateway6, Interface: eth0}}},
		},
		Ways: []host.Way{
			{Interface: eth0, Routes: 3, Only: 3},
			{Gateway: gateway4, Interface: eth0, Neighbour: host.Neighbour{State: host.NeighbourReachable}, Routes: 1, Only: 1, Default: true},
			{Gateway: gateway6, Interface: eth0, Neighbour: host.Neighbour{State: host.NeighbourStale}, Routes: 1, Only: 1, Default: true},
		},
		Addresses: []host.Address{
			{Prefix: prefix("127.0.0.1/8"), Interface: loopback},
			{Prefix: prefix("192.0.2.1/32"), Interface: loopback},
			{Prefix: prefix("198.51.100.5/24"), Interface: eth0},
			{Prefix: prefix("::1/128"), Interface: loopback},
			{Prefix: prefix("2001:db8:1::5/64"), Interface: eth0},
			{Prefix: prefix("2001:db8:ffff::1/128"), Interface: loopback},
			{Prefix: prefix("fe80::5/64"), Interface: eth0},
		},
		Local: prefixes("127.0.0.0/8", "127.0.0.1/32", "192.0.2.1/32", "198.51.100.5/32",
			"::1/128", "2001:db8:1::5/128", "2001:db8:ffff::1/128", "fe80::5/128"),
	}
}

// rules are those that every kernel begins with.
func rules() []host.Rule {
	return []host.Rule{
		{Priority: 0}, {Priority: 32766}, {Priority: 32767},
		{IPv6: true, Priority: 0}, {IPv6: true, Priority: 32766},
	}
}

func read[T any](v T) Fact[T] { return Fact[T]{Value: v} }

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func prefixes(s ...string) []netip.Prefix {
	p := make([]netip.Prefix, len(s))
	for i := range s {
		p[i] = prefix(s[i])
	}
	return p
}

// sysctls are those that a kernel has, by path.
type sysctls map[string]string

func (s sysctls) read(path string) (string, error) {
	v, ok := s[path]
	if !ok {
		return "", &fs.PathError{Op: "open", Path: "/proc/sys/" + path, Err: fs.ErrNotExist}
	}
	return v, nil
}

// setSysctl makes one say something else.
func setSysctl(f *Facts, path, value string) {
	before := f.Sysctl
	f.Sysctl = func(p string) (string, error) {
		if p == path {
			return value, nil
		}
		return before(p)
	}
}

// failSysctl makes one unreadable; fs.ErrNotExist takes it away.
func failSysctl(f *Facts, path string, err error) {
	before := f.Sysctl
	f.Sysctl = func(p string) (string, error) {
		if p == path {
			return "", &fs.PathError{Op: "open", Path: "/proc/sys/" + p, Err: err}
		}
		return before(p)
	}
}

// unread are facts of which none could be read.
func unread(err error) *Facts {
	return &Facts{
		Links:      Fact[[]host.Link]{Err: err},
		Routes:     Fact[host.Routes]{Err: err},
		Rules:      Fact[[]host.Rule]{Err: err},
		Exceptions: Fact[host.Exceptions]{Err: err},
		Listeners:  Fact[[]host.Listener]{Err: err},
		Programs:   Fact[[]host.Program]{Err: err},
		LogGroups:  Fact[[]host.LogGroup]{Err: err},
		Clock:      Fact[host.Clock]{Err: err},
		Counters:   Fact[host.Counters]{Err: err},
		Firewall:   Fact[firewall.Ruleset]{Err: err},
		Sysctl: func(path string) (string, error) {
			return "", fmt.Errorf("read %s: %w", path, err)
		},
	}
}

// examine is what the check of that id finds.
func examine(t *testing.T, id string, f *Facts) []Finding {
	t.Helper()
	i := slices.IndexFunc(All(), func(c Check) bool { return c.ID == id })
	if i < 0 {
		t.Fatalf("there is no check %s", id)
	}
	return All()[i].Examine(f)
}

// expect has the check of that id find exactly this; IDs are filled in.
func expect(t *testing.T, id string, f *Facts, want ...Finding) {
	t.Helper()
	for i := range want {
		want[i].ID = id
	}
	if diff := cmp.Diff(want, examine(t, id, f)); diff != "" {
		t.Errorf("%s, what was wanted (-) and what was found (+):\n%s", id, diff)
	}
}

// expectUnknown has the check say that it does not know, with the error, and
// never that all is well; its one finding says what is not known.
func expectUnknown(t *testing.T, id string, f *Facts, read string) {
	t.Helper()
	found := examine(t, id, f)
	if len(found) != 1 || found[0].Severity != Unknown || found[0].Read != read || found[0].Why == "" {
		t.Errorf("%s: %+v; want unknown, read %q", id, found, read)
	}
}
