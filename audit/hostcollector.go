package audit

import (
	"cmp"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"ptbrelay/audit/check"
	"ptbrelay/audit/host"
	"ptbrelay/classify"
)

// HostReading is what was read of this host at one moment, and what the checks
// found. What could not be read is not exported.
type HostReading struct {
	Routes     check.Fact[host.Routes]
	Exceptions check.Fact[host.Exceptions]
	Findings   []check.Finding
}

// HostCollector exports to Prometheus what this host's kernel says of path MTUs.
// Its zero value is not ready: see [NewHostCollector].
type HostCollector struct {
	reading  atomic.Pointer[HostReading]
	counters func() (host.Counters, error)
}

// NewHostCollector makes a collector that reads the counters at scrape. The rest is
// there from the first [HostCollector.Set] on.
func NewHostCollector(counters func() (host.Counters, error)) *HostCollector {
	return &HostCollector{counters: counters}
}

// Set replaces the reading. Any goroutine may call it.
func (c *HostCollector) Set(r HostReading) { c.reading.Store(&r) }

// maxRouteSeries bounds the one metric whose labels are from no closed set.
const maxRouteSeries = 100

var (
	routeMTUDesc = desc("route_mtu_bytes",
		"MTU in bytes that routes are tagged with, at most 100 of them, the shortest prefixes first.", "family", "prefix", "table", "locked")
	exceptionsDesc = desc("pmtu_exceptions", "Path MTUs that the kernel has learned.", "family")
	findingsDesc   = desc("audit_findings", "What the checks of this host find, each as often as it is found. Absent until they have run.", "check", "severity")
	ptbInDesc      = desc("kernel_ptb_in_total",
		"PTBs that the kernel received; with ipv4 all ICMP of type 3, which it does not tell apart.", "family")
	outOfWindowDesc = desc("kernel_out_of_window_icmps_total",
		"ICMP errors that the kernel ignored, for they quote nothing that the TCP connection has under way.")
	probesDesc    = desc("kernel_mtup_total", "Ends of TCP's own path MTU probes.", "result")
	fragFailsDesc = desc("kernel_frag_fails_total", "Packets too big to be sent or forwarded whole.", "family")
)

// Describe implements prometheus.Collector.
func (c *HostCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		routeMTUDesc, exceptionsDesc, findingsDesc, ptbInDesc, outOfWindowDesc, probesDesc, fragFailsDesc,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *HostCollector) Collect(ch chan<- prometheus.Metric) {
	m := hostMetrics{ch}
	if k, err := c.counters(); err == nil {
		m.kernel(k)
	}
	r := c.reading.Load()
	if r == nil {
		return
	}
	if r.Routes.Err == nil {
		m.routes(r.Routes.Value.Tagged)
	}
	if r.Exceptions.Err == nil {
		m.gauge(exceptionsDesc, r.Exceptions.Value.IPv4.Count, classify.IPv4.String())
		m.gauge(exceptionsDesc, r.Exceptions.Value.IPv6.Count, classify.IPv6.String())
	}
	m.findings(r.Findings)
}

// hostMetrics writes metrics to one scrape.
type hostMetrics struct{ ch chan<- prometheus.Metric }

func (m hostMetrics) gauge(d *prometheus.Desc, value int, labels ...string) {
	m.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value), labels...)
}

func (m hostMetrics) counter(d *prometheus.Desc, value uint64, labels ...string) {
	m.ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
}

func (m hostMetrics) kernel(k host.Counters) {
	m.counter(ptbInDesc, k.PTBIn, classify.IPv4.String())
	m.counter(ptbInDesc, k.PTBIn6, classify.IPv6.String())
	m.counter(outOfWindowDesc, k.OutOfWindow)
	m.counter(probesDesc, k.ProbeSuccess, "success")
	m.counter(probesDesc, k.ProbeFail, "fail")
	m.counter(fragFailsDesc, k.FragFails, classify.IPv4.String())
	m.counter(fragFailsDesc, k.FragFails6, classify.IPv6.String())
}

// findings counts those of each check and severity, zeros too.
func (m hostMetrics) findings(all []check.Finding) {
	type kind struct {
		id       string
		severity check.Severity
	}
	counts := make(map[kind]int)
	for _, f := range all {
		counts[kind{f.ID, f.Severity}]++
	}
	for _, c := range check.All() {
		for _, s := range check.Severities() {
			m.gauge(findingsDesc, counts[kind{c.ID, s}], c.ID, string(s))
		}
	}
}

// routeLabels are a series of route_mtu_bytes.
type routeLabels struct{ family, prefix, table, locked string }

// routes exports the routes with an MTU. Routes that differ in what is no label, as
// the metric, are one series with the smallest MTU.
func (m hostMetrics) routes(tagged []host.FIBRoute) {
	exported := make(map[routeLabels]bool)
	for _, r := range withMTU(tagged) {
		l := labelsOf(&r)
		if exported[l] {
			continue
		}
		if len(exported) == maxRouteSeries {
			return
		}
		exported[l] = true
		m.gauge(routeMTUDesc, int(r.MTU), l.family, l.prefix, l.table, l.locked)
	}
}

// withMTU are the routes with an MTU: the shortest prefixes first, which most
// traffic takes, of one prefix the smallest MTU first.
func withMTU(tagged []host.FIBRoute) []host.FIBRoute {
	routes := slices.DeleteFunc(slices.Clone(tagged), func(r host.FIBRoute) bool { return r.MTU == 0 })
	slices.SortStableFunc(routes, func(a, b host.FIBRoute) int {
		return cmp.Or(
			cmp.Compare(a.Destination.Bits(), b.Destination.Bits()),
			a.Destination.Addr().Compare(b.Destination.Addr()),
			cmp.Compare(a.Table, b.Table),
			cmp.Compare(a.MTU, b.MTU),
		)
	})
	return routes
}

func labelsOf(r *host.FIBRoute) routeLabels {
	family := classify.IPv4
	if r.Destination.Addr().Is6() {
		family = classify.IPv6
	}
	return routeLabels{
		family: family.String(),
		prefix: r.Destination.String(),
		table:  strconv.FormatUint(uint64(r.Table), 10),
		locked: strconv.FormatBool(r.MTULocked),
	}
}
