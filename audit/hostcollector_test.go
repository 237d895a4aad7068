package audit

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"ptbrelay/audit/check"
	"ptbrelay/audit/host"
)

func tagged(prefix string, table, mtu uint32, locked bool) host.FIBRoute {
	return host.FIBRoute{Destination: netip.MustParsePrefix(prefix), Table: table, Type: host.RouteUnicast, MTU: mtu, MTULocked: locked}
}

func kernelCounts() (host.Counters, error) {
	return host.Counters{
		PTBIn: 1, PTBIn6: 2, OutOfWindow: 3, ProbeSuccess: 4, ProbeFail: 5, FragFails: 6, FragFails6: 7, Opened: 8, Retransmitted: 9,
	}, nil
}

// gathered is what a scrape of the collector shows, by name.
func gathered(t *testing.T, c *HostCollector) map[string]int {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(c)
	problems, err := testutil.GatherAndLint(r)
	if err != nil || len(problems) != 0 {
		t.Errorf("%v %v", problems, err)
	}
	found, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := make(map[string]int)
	for _, f := range found {
		series[f.GetName()] = len(f.GetMetric())
	}
	return series
}

func TestHostCollector(t *testing.T) {
	c := NewHostCollector(kernelCounts)
	c.Set(HostReading{
		Routes: check.Fact[host.Routes]{Value: host.Routes{Tagged: []host.FIBRoute{
			tagged("::/0", 254, 1280, false), tagged("192.0.2.0/24", 100, 1400, true),
			{Destination: netip.MustParsePrefix("198.51.100.0/24"), AdvMSS: 1300, MTULocked: true},
		}}},
		Exceptions: check.Fact[host.Exceptions]{Value: host.Exceptions{
			IPv4: host.ExceptionSet{Count: 12}, IPv6: host.ExceptionSet{Count: 34},
		}},
	})
	want := `
# HELP ptbrelay_kernel_frag_fails_total Packets too big to be sent or forwarded whole.
# TYPE ptbrelay_kernel_frag_fails_total counter
ptbrelay_kernel_frag_fails_total{family="ipv4"} 6
ptbrelay_kernel_frag_fails_total{family="ipv6"} 7
# HELP ptbrelay_kernel_mtup_total Ends of TCP's own path MTU probes.
# TYPE ptbrelay_kernel_mtup_total counter
ptbrelay_kernel_mtup_total{result="fail"} 5
ptbrelay_kernel_mtup_total{result="success"} 4
# HELP ptbrelay_kernel_out_of_window_icmps_total ICMP errors that the kernel ignored, for they quote nothing that the TCP connection has under way.
# TYPE ptbrelay_kernel_out_of_window_icmps_total counter
ptbrelay_kernel_out_of_window_icmps_total 3
# HELP ptbrelay_kernel_ptb_in_total PTBs that the kernel received; with ipv4 all ICMP of type 3, which it does not tell apart.
# TYPE ptbrelay_kernel_ptb_in_total counter
ptbrelay_kernel_ptb_in_total{family="ipv4"} 1
ptbrelay_kernel_ptb_in_total{family="ipv6"} 2
# HELP ptbrelay_pmtu_exceptions Path MTUs that the kernel has learned.
# TYPE ptbrelay_pmtu_exceptions gauge
ptbrelay_pmtu_exceptions{family="ipv4"} 12
ptbrelay_pmtu_exceptions{family="ipv6"} 34
# HELP ptbrelay_route_mtu_bytes MTU in bytes that routes are tagged with, at most 100 of them, the shortest prefixes first.
# TYPE ptbrelay_route_mtu_bytes gauge
ptbrelay_route_mtu_bytes{family="ipv4",locked="true",prefix="192.0.2.0/24",table="100"} 1400
ptbrelay_route_mtu_bytes{family="ipv6",locked="false",prefix="::/0",table="254"} 1280
`
	err := testutil.CollectAndCompare(c, strings.NewReader(want),
		"ptbrelay_kernel_frag_fails_total", "ptbrelay_kernel_mtup_total", "ptbrelay_kernel_out_of_window_icmps_total",
		"ptbrelay_kernel_ptb_in_total", "ptbrelay_pmtu_exceptions", "ptbrelay_route_mtu_bytes")
	if err != nil {
		t.Error(err)
	}
	if n := gathered(t, c)["ptbrelay_audit_findings"]; n != len(check.All())*len(check.Severities()) {
		t.Errorf("%d findings series, want one a check and severity", n)
	}
}

// Findings count by check and severity, and where there are none it says 0.
func TestFindingsAreCounted(t *testing.T) {
	c := NewHostCollector(kernelCounts)
	first, second := check.All()[0].ID, check.All()[1].ID
	c.Set(HostReading{Findings: []check.Finding{
		{ID: first, Severity: check.Warning}, {ID: first, Severity: check.Warning}, {ID: first, Severity: check.Info},
		{ID: second, Severity: check.OK}, {ID: "of no check", Severity: check.Error},
	}})
	var want strings.Builder
	want.WriteString("# HELP ptbrelay_audit_findings What the checks of this host find, each as often as it is found. Absent until they have run.\n# TYPE ptbrelay_audit_findings gauge\n")
	for _, k := range check.All() {
		for _, s := range check.Severities() {
			n := 0
			switch {
			case k.ID == first && s == check.Warning:
				n = 2
			case k.ID == first && s == check.Info, k.ID == second && s == check.OK:
				n = 1
			}
			want.WriteString(`ptbrelay_audit_findings{check="` + k.ID + `",severity="` + string(s) + `"} ` + strconv.Itoa(n) + "\n")
		}
	}
	if err := testutil.CollectAndCompare(c, strings.NewReader(want.String()), "ptbrelay_audit_findings"); err != nil {
		t.Error(err)
	}
}

// Routes that no label tells apart are one series, the smallest MTU; of too many
// the shortest prefixes are exported, in every scrape the same.
func TestRouteSeriesAreBounded(t *testing.T) {
	c := NewHostCollector(kernelCounts)
	var routes []host.FIBRoute
	for i := range byte(200) {
		routes = append(routes, host.FIBRoute{Destination: netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, i}), 32), Table: 254, MTU: 1400})
	}
	for _, mtu := range []uint32{1480, 1280, 1500} { // differ in metric
		routes = append(routes, tagged("0.0.0.0/0", 254, mtu, false))
	}
	c.Set(HostReading{Routes: check.Fact[host.Routes]{Value: host.Routes{Tagged: routes}}})
	if n := gathered(t, c)["ptbrelay_route_mtu_bytes"]; n != 100 {
		t.Errorf("%d series, want 100", n)
	}
	want := `
# HELP ptbrelay_route_mtu_bytes MTU in bytes that routes are tagged with, at most 100 of them, the shortest prefixes first.
# TYPE ptbrelay_route_mtu_bytes gauge
ptbrelay_route_mtu_bytes{family="ipv4",locked="false",prefix="0.0.0.0/0",table="254"} 1280
`
	for i := range 99 {
		want += `ptbrelay_route_mtu_bytes{family="ipv4",locked="false",prefix="192.0.2.` + strconv.Itoa(i) + `/32",table="254"} 1400` + "\n"
	}
	if err := testutil.CollectAndCompare(c, strings.NewReader(want), "ptbrelay_route_mtu_bytes"); err != nil {
		t.Error(err)
	}
}

// What could not be read is not there, which no 0 is; all else is.
func TestUnreadIsNotExported(t *testing.T) {
	unread := errors.New("not permitted")
	c := NewHostCollector(func() (host.Counters, error) { return host.Counters{}, unread })
	if got := gathered(t, c); len(got) != 0 {
		t.Errorf("before the first reading: %v", got)
	}
	c.Set(HostReading{Routes: check.Fact[host.Routes]{Err: unread}, Exceptions: check.Fact[host.Exceptions]{Err: unread}})
	got := gathered(t, c)
	if len(got) != 1 || got["ptbrelay_audit_findings"] == 0 {
		t.Errorf("of a reading that failed: %v", got)
	}
	c.Set(HostReading{})
	if got := gathered(t, c); got["ptbrelay_pmtu_exceptions"] != 2 {
		t.Errorf("of a host without exceptions: %v", got)
	}
}
