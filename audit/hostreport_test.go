package audit

import (
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/audit/check"
	"ptbrelay/audit/host"
)

// fact is something that was read.
func fact[T any](value T) check.Fact[T] { return check.Fact[T]{Value: value} }

func TestHostReport(t *testing.T) {
	begin := host.Counters{At: time.Unix(1000, 0), PTBIn6: 100, Opened: 50, Retransmitted: 9}
	end := host.Counters{At: time.Unix(1010, 0), PTBIn6: 125, Opened: 50, Retransmitted: 4}
	facts := check.Facts{
		Links: fact([]host.Link{{Index: 1, Name: "lo", MTU: 65536, Up: true}, {Index: 7, Name: "eth0", MTU: 1500}}),
		Routes: fact(host.Routes{
			IPv4: 11, IPv6: 22, LeftOut: 3, Restless: true,
			Tagged: []host.FIBRoute{
				tagged("::/0", 254, 1280, true),
				{Destination: netip.MustParsePrefix("192.0.2.0/24"), Table: 100, AdvMSS: 1300, Object: 5},
			},
			Ways: []host.Way{
				{Gateway: addr("fe80::1"), Interface: 7, Neighbour: host.Neighbour{State: host.NeighbourFailed, MAC: host.MAC{2, 0, 0x5e, 0, 1, 2}}, Routes: 4, Only: 2, Dead: true},
				{Interface: 99, Routes: 1, LinkDown: true},
			},
		}),
		Exceptions: fact(host.Exceptions{
			IPv4: host.ExceptionSet{Count: 10, MTUs: map[uint32]int{1280: 2, 1400: 3}, OtherMTUs: 5, Partial: true},
		}),
		Counters: fact(end),
	}
	findings := []check.Finding{{ID: "clock", Severity: check.OK}}
	h := HostReport(&facts, begin, findings)
	counters := h.Counters
	h.Counters = nil
	want := &Host{
		Interfaces: []Interface{{"lo", 65536, true}, {"eth0", 1500, false}},
		Routes: Routes{
			IPv4: 11, IPv6: 22, LeftOut: 3,
			Tagged: []TaggedRoute{
				{Prefix: "::/0", Table: 254, MTU: 1280, Locked: true},
				{Prefix: "192.0.2.0/24", Table: 100, AdvMSS: 1300, Object: 5},
			},
			NextHops: []RouteNextHop{
				{Gateway: "fe80::1", Interface: "eth0", Neighbour: "failed", MAC: "02:00:5e:00:01:02", Routes: 4, Only: 2, Dead: true},
				{Interface: "99", Neighbour: "none", Routes: 1, LinkDown: true},
			},
		},
		Exceptions: []Values{
			{Family: "ipv4", Samples: 10, Other: 5, Counts: []Count{
				{Bytes: 1400, MTU: 1400, Count: 3, Share: 0.3, Cumulative: 0.3},
				{Bytes: 1280, MTU: 1280, Count: 2, Share: 0.2, Cumulative: 0.5},
			}},
			{Family: "ipv6", Counts: []Count{}},
		},
		Errors: []string{
			"routes: the tables changed whenever they were read, so some may be twice or missing",
			"ipv4 path MTU exceptions: there are more than were looked at",
		},
		Findings: findings,
	}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Error(diff)
	}
	checkCounter(t, counters, "Icmp6InPktTooBigs", 125, 2.5)
	checkCounter(t, counters, "TcpActiveOpens+TcpPassiveOpens", 50, 0)
	checkCounter(t, counters, "TcpRetransSegs", 4, 0) // it went back: no rate
	checkCounter(t, HostReport(&facts, host.Counters{}, nil).Counters, "Icmp6InPktTooBigs", 125, 0)
}

func checkCounter(t *testing.T, all []Counter, name string, value uint64, rate float64) {
	t.Helper()
	i := slices.IndexFunc(all, func(c Counter) bool { return c.Name == name })
	if i < 0 || all[i].Value != value || all[i].PerSecond != rate || all[i].Means == "" {
		t.Errorf("%s is not %d with %v/s in %+v", name, value, rate, all)
	}
}

// Every counter of the kernel is told, each by its own name.
func TestAllCountersAreTold(t *testing.T) {
	c, _ := kernelCounts()
	values, names := make(map[uint64]bool), make(map[string]bool)
	for _, k := range countersBetween(host.Counters{}, c) {
		values[k.Value], names[k.Name] = true, true
	}
	for v := uint64(1); v <= 9; v++ {
		if !values[v] || len(names) != 9 {
			t.Errorf("%d is missing, or names are not 9: %v", v, names)
		}
	}
}

// What could not be read is an error in the report and an empty list, not null.
func TestHostReportUnread(t *testing.T) {
	unread := errors.New("not permitted")
	h := HostReport(&check.Facts{
		Links: check.Fact[[]host.Link]{Err: unread}, Routes: check.Fact[host.Routes]{Err: unread},
		Exceptions: check.Fact[host.Exceptions]{Err: unread}, Counters: check.Fact[host.Counters]{Err: unread},
	}, host.Counters{}, nil)
	want := []string{
		"interfaces: not permitted", "routes: not permitted", "path MTU exceptions: not permitted", "counters: not permitted",
	}
	if diff := cmp.Diff(want, h.Errors); diff != "" {
		t.Error(diff)
	}
	text, err := json.Marshal(h)
	if err != nil || strings.Contains(string(text), "null") {
		t.Errorf("%v: %s", err, text)
	}
}
