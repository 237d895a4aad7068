package report

import (
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/audit"
	"ptbrelay/audit/check"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := "testdata/" + name
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Error(d)
	}
}

// whole has something in every section.
func whole() *audit.Report {
	return &audit.Report{
		Source: audit.Live, Begun: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), Seconds: 60, Ended: "interrupted after 1m0s of 2m0s",
		Messages: audit.Messages{
			Packets:  1234,
			Verdicts: map[string]map[string]uint64{"ipv4": {"eligible": 90, "mtu-too-large": 9, "quote-mismatch": 9}, "ipv6": {"eligible": 7}},
			SYNs:     map[string]uint64{"ipv4": 1127, "ipv6": 1},
			Lost:     3,
		},
		NextHopMTU: []audit.Values{
			{Family: "ipv4", Samples: 99, Counts: []audit.Count{
				{Bytes: 1500, MTU: 1500, Count: 9, Share: 9. / 99, Cumulative: 9. / 99},
				{Bytes: 1400, MTU: 1400, Count: 89, Share: 89. / 99, Cumulative: 98. / 99},
			}, Other: 1, OtherValues: 1},
			{Family: "ipv6"},
		},
		MSS: []audit.Values{{Family: "ipv4", Samples: 1126, Absent: 1, Cut: 2, Counts: []audit.Count{
			{Bytes: 1460, MTU: 1500, Count: 1125, Share: 1125. / 1126, Cumulative: 1125. / 1126},
			{Bytes: 1360, MTU: 1400, Count: 1, Share: 1. / 1126, Cumulative: 1},
		}}},
		Edge: []audit.Edge{
			{Family: "ipv4", Side: audit.ClientMSS, Samples: 1126, Enough: true, Lines: []audit.EdgeLine{{MTU: 1500, Spared: 0.4}, {MTU: 1420, Spared: 0.898}}},
			{Family: "ipv6", Side: audit.ClientMSS, Samples: 1, Lines: []audit.EdgeLine{{MTU: 1420, Spared: 1}, {MTU: 1402, Spared: 1}}},
			{Family: "ipv4", Side: audit.PathPTBs, Samples: 99, Lines: []audit.EdgeLine{{MTU: 1400, Spared: 0.99}}},
			{Family: "ipv6", Side: audit.PathPTBs},
		},
		Networks: audit.Networks{
			PTBs: audit.NetworkSide{Samples: 99, Prefixes: slices.Repeat([]audit.Network{{Name: "198.51.100.0/24", Count: 8, Share: 8. / 99}}, shownNetworks+2)},
			SYNs: audit.NetworkSide{Samples: 1128, Missed: 2,
				Prefixes: []audit.Network{{Name: "203.0.113.0/24", Count: 1000, Error: 3, Share: 0.9, MTU: 1500}, {Name: "2001:db8::/48", Count: 1, Share: 0.001}},
				Systems:  []audit.Network{{Name: "AS64496 Example", Count: 1000, Share: 0.9, MTU: 1500}},
				NextHops: []audit.Inbound{{MAC: "02:00:5e:00:01:02", Count: 600, Share: 0.53}},
				Several:  []audit.Several{{Prefix: "203.0.113.0/24", MACs: []string{"02:00:5e:00:01:02", "02:00:5e:00:01:04"}, Count: 1000}},
			},
		},
		Host: &audit.Host{
			Interfaces: []audit.Interface{{Name: "lo", MTU: 65536, Up: true}, {Name: "eth0", MTU: 1500}},
			Routes: audit.Routes{IPv4: 3, IPv6: 4, LeftOut: 5,
				Tagged:   []audit.TaggedRoute{{Prefix: "::/0", Table: 254, MTU: 1280, Locked: true, AdvMSS: 1220}, {Prefix: "2001:db8::/32", Table: 100, AdvMSS: 1300}},
				NextHops: []audit.RouteNextHop{{Gateway: "fe80::1", Interface: "eth0", Neighbour: "stale", MAC: "02:00:5e:00:01:02", Routes: 2, Only: 1, LinkDown: true}, {Interface: "eth0", Neighbour: "none", Routes: 4, Dead: true}, {Interface: "eth1", Routes: 1}},
			},
			Exceptions: []audit.Values{{Family: "ipv6", Samples: 2, Counts: []audit.Count{{Bytes: 1400, MTU: 1400, Count: 2, Share: 1, Cumulative: 1}}}},
			Counters:   []audit.Counter{{Name: "Icmp6InPktTooBigs", Value: 12, PerSecond: 0.2, Means: "ICMPv6 Packet Too Big received"}, {Name: "IpFragFails", Value: 0, Means: "packets too big to send"}},
			Errors:     []string{"nexthop objects: permission denied"},
			Findings:   findings(),
		},
	}
}

func findings() []check.Finding {
	return []check.Finding{
		{ID: "rp-filter", Severity: check.OK, Subject: "eth0", Read: "no interface is strict"},
		{ID: "rp-filter", Severity: check.OK, Subject: "eth1", Read: "no interface is strict"},
		{ID: "mtu-probing", Severity: check.Info, Read: "net.ipv4.tcp_mtu_probing = 0", Why: "the kernel's own second defence is off", Mend: "sysctl -w net.ipv4.tcp_mtu_probing=1"},
		{ID: "vip-not-here", Severity: check.Error, Subject: "192.0.2.1", Read: "no local route", Why: "PTBs to it are not for this host", Mend: "ip address add 192.0.2.1/32 dev lo"},
		{ID: "icmp-filtered", Severity: check.Unknown, Read: "nftables: permission denied", Why: "rules may drop PTBs"},
	}
}

func TestText(t *testing.T) {
	var b strings.Builder
	if err := Text(&b, whole()); err != nil {
		t.Fatal(err)
	}
	golden(t, "whole.txt", b.String())
}

// A report of nothing says so and has no empty section.
func TestTextOfNothing(t *testing.T) {
	var b strings.Builder
	none := audit.Messages{SYNs: map[string]uint64{"ipv4": 0, "ipv6": 0}}
	if err := Text(&b, &audit.Report{Source: audit.File, Messages: none, NextHopMTU: []audit.Values{{Family: "ipv4"}}, Edge: []audit.Edge{{Family: "ipv4", Side: audit.ClientMSS}}}); err != nil {
		t.Fatal(err)
	}
	golden(t, "nothing.txt", b.String())
}

// A daemon that observes no SYN says so, and why.
func TestTextWithoutSYNs(t *testing.T) {
	var b strings.Builder
	if err := Text(&b, &audit.Report{Source: audit.Daemon}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "not observed: audit.mss is false") {
		t.Error(b.String())
	}
}

func TestFindings(t *testing.T) {
	var b strings.Builder
	if err := Findings(&b, findings()); err != nil {
		t.Fatal(err)
	}
	golden(t, "findings.txt", b.String())
}

func TestBar(t *testing.T) {
	for share, want := range map[float64]string{
		0:        strings.Repeat(" ", 24),
		0.000001: "▏" + strings.Repeat(" ", 23),
		0.5:      strings.Repeat("█", 12) + strings.Repeat(" ", 12),
		1:        strings.Repeat("█", 24),
	} {
		if got := bar(share); got != want {
			t.Errorf("bar(%v) = %q, want %q", share, got, want)
		}
	}
}

// failing takes some bytes and no more.
type failing struct{ left int }

var errFull = errors.New("full")

func (f *failing) Write(b []byte) (int, error) {
	if len(b) > f.left {
		return 0, errFull
	}
	f.left -= len(b)
	return len(b), nil
}

// An output that fails, wherever it does, is an error.
func TestOutputFails(t *testing.T) {
	var b strings.Builder
	if err := Text(&b, whole()); err != nil {
		t.Fatal(err)
	}
	for room := 0; room < b.Len(); room += 97 {
		if err := Text(&failing{room}, whole()); !errors.Is(err, errFull) {
			t.Errorf("with room for %d bytes: %v", room, err)
		}
	}
}
