package integration

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/audit"
	"ptbrelay/audit/check"
	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// Configurations of a daemon that looks at its host every second.
const (
	everySecond = "audit: {routes_every: 1s}\n"
	withMSS     = "audit: {routes_every: 1s, mss: true}\n"
)

// readWithin bounds how long a change of the host may take to show: more than a
// second, for reading may cost a hundredth of the time at most.
const readWithin = 30 * time.Second

// daemonsAudit is what `audit --daemon` reports.
func daemonsAudit(t testing.TB, server *lab.Node) *audit.Report {
	t.Helper()
	return startAudit(t, server, "--daemon", "--format", "json").exits(0).report()
}

// The daemon's audit is what came in and what its metrics say, SYNs too, and the
// host as it is.
func TestAuditDaemon(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 32})
	server := l.Servers[0]
	tagRoutes(t, l, server)
	labtest.StartRelays(t, l, "--config", writeConfig(t, withMSS))
	w := newWitness(t, l, 0)
	r := labtest.Downloads(t, l, lab.Load{})
	allFinished(t, r)
	w.opened(r)
	w.send(16)
	awaitCounted(t, server, w)
	awaitExceptions(t, server)

	got := daemonsAudit(t, server)
	if got.Source != audit.Daemon || got.Ended != "" {
		t.Errorf("source %s, ended %q", got.Source, got.Ended)
	}
	w.check(got)
	checkOffered(t, got)
	checkHost(t, server, got.Host)
	m := metricsOf(t, server)
	checkHistogram(t, m, got)
	checkHostMetrics(t, server, m, got)
	checkLaws(t, server)
	text := startAudit(t, server, "--daemon").exits(0).stdout.String()
	for _, want := range []string{"the daemon on this host", fmt.Sprintf("IPv4 SYNs  %d\n", w.syns["ipv4"]), "198.18.0.0/16"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// awaitCounted waits until the daemon has counted all that arrived.
func awaitCounted(t testing.TB, server *lab.Node, w *witness) {
	t.Helper()
	var ptbs, syns uint64
	for _, counts := range w.arrived() {
		for _, n := range counts {
			ptbs += n
		}
	}
	for _, n := range w.syns {
		syns += n
	}
	labtest.Eventually(t, 5*time.Second, "all is counted", func() error {
		r := daemonsAudit(t, server)
		if n := r.Networks.PTBs.Samples + r.Networks.SYNs.Samples; n != ptbs+syns {
			return fmt.Errorf("%d of %d PTBs and %d SYNs", n, ptbs, syns)
		}
		return nil
	})
}

// awaitExceptions waits until the daemon has seen as many path MTUs as there are.
func awaitExceptions(t testing.TB, server *lab.Node) {
	t.Helper()
	for _, f := range lab.Families() {
		labtest.Eventually(t, readWithin, "the path MTUs are read", func() error {
			want, err := server.Exceptions(f)
			if err != nil {
				return err
			}
			if got := metricsOf(t, server)[exceptionsMetric(f)]; got != float64(want) || want == 0 {
				return fmt.Errorf("%v of %d", got, want)
			}
			return nil
		})
	}
}

func exceptionsMetric(f lab.Family) string {
	return fmt.Sprintf(`ptbrelay_pmtu_exceptions{family=%q}`, f)
}

// checkHistogram compares the metric of next-hop MTUs with a report's.
func checkHistogram(t testing.TB, metrics map[string]float64, r *audit.Report) {
	t.Helper()
	want, got := make(map[string]float64), maps.Clone(metrics)
	for _, v := range r.NextHopMTU {
		for _, c := range v.Counts {
			addToHistogram(want, v.Family, int(c.Bytes), float64(c.Count))
		}
	}
	maps.DeleteFunc(got, func(metric string, value float64) bool {
		return value == 0 || !strings.HasPrefix(metric, "ptbrelay_next_hop_mtu_bytes")
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("histogram, -report +metrics:\n%s", diff)
	}
}

// addToHistogram adds PTBs of a next-hop MTU as the metric shows them.
func addToHistogram(m map[string]float64, family string, mtu int, ptbs float64) {
	m[fmt.Sprintf(`ptbrelay_next_hop_mtu_bytes_count{family=%q}`, family)] += ptbs
	m[fmt.Sprintf(`ptbrelay_next_hop_mtu_bytes_sum{family=%q}`, family)] += ptbs * float64(mtu)
	for _, edge := range []int{576, 1280, 1300, 1350, 1400, 1420, 1450, 1460, 1472, 1480, 1492, 1499, 1500, 4000, 8900, 9000} {
		if mtu <= edge {
			m[fmt.Sprintf(`ptbrelay_next_hop_mtu_bytes_bucket{family=%q,le="%d"}`, family, edge)] += ptbs
		}
	}
	m[fmt.Sprintf(`ptbrelay_next_hop_mtu_bytes_bucket{family=%q,le="+Inf"}`, family)] += ptbs
}

// checkHostMetrics compares what metrics say of a server's kernel with its own word.
func checkHostMetrics(t testing.TB, server *lab.Node, m map[string]float64, r *audit.Report) {
	t.Helper()
	kernel := countersOf(t, server)
	for metric, counter := range map[string]string{
		`ptbrelay_kernel_ptb_in_total{family="ipv4"}`:     "IcmpInDestUnreachs",
		`ptbrelay_kernel_ptb_in_total{family="ipv6"}`:     "Icmp6InPktTooBigs",
		`ptbrelay_kernel_out_of_window_icmps_total`:       "TcpExtOutOfWindowIcmps",
		`ptbrelay_kernel_mtup_total{result="success"}`:    "TcpExtTCPMTUPSuccess",
		`ptbrelay_kernel_mtup_total{result="fail"}`:       "TcpExtTCPMTUPFail",
		`ptbrelay_kernel_frag_fails_total{family="ipv4"}`: "IpFragFails",
		`ptbrelay_kernel_frag_fails_total{family="ipv6"}`: "Ip6FragFails",
	} {
		if got, ok := m[metric]; !ok || got != float64(kernel[counter]) {
			t.Errorf("%s is %v, %v, the kernel says %d", metric, got, ok, kernel[counter])
		}
	}
	if diff := cmp.Diff(routeMetrics(taggedRoutes), withName(m, "route_mtu_bytes")); diff != "" {
		t.Errorf("routes, -want +metrics:\n%s", diff)
	}
	findings := make(map[string]float64)
	for _, c := range check.All() {
		for _, s := range check.Severities() {
			findings[findingMetric(c.ID, s)] = 0
		}
	}
	for _, f := range r.Host.Findings {
		findings[findingMetric(f.ID, f.Severity)]++
	}
	if diff := cmp.Diff(findings, withName(m, "audit_findings")); diff != "" {
		t.Errorf("findings, -report +metrics:\n%s", diff)
	}
}

func findingMetric(id string, s check.Severity) string {
	return fmt.Sprintf(`ptbrelay_audit_findings{check=%q,severity=%q}`, id, s)
}

// routeMetrics are those of routes with an MTU.
func routeMetrics(routes []audit.TaggedRoute) map[string]float64 {
	m := make(map[string]float64)
	for _, r := range routes {
		if r.MTU == 0 {
			continue
		}
		family := lab.FamilyOf(netip.MustParsePrefix(r.Prefix).Addr())
		m[fmt.Sprintf(`ptbrelay_route_mtu_bytes{family=%q,locked="%v",prefix=%q,table="%d"}`, family, r.Locked, r.Prefix, r.Table)] = float64(r.MTU)
	}
	return m
}

// withName are all series of a metric.
func withName(metrics map[string]float64, name string) map[string]float64 {
	some := make(map[string]float64)
	for metric, value := range metrics {
		if strings.HasPrefix(metric, "ptbrelay_"+name+"{") {
			some[metric] = value
		}
	}
	return some
}

// What changes in the routing tables shows, and what is wrong about it is logged
// when it comes and when it goes, each once, however often the host is read.
func TestAuditDaemonFollowsHost(t *testing.T) {
	t.Parallel() // it waits more than it works
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 1})
	server := l.Servers[0]
	p := labtest.StartRelay(t, server, "--config", writeConfig(t, everySecond))
	tag := func(r audit.TaggedRoute) {
		t.Helper()
		if err := server.Handle().RouteReplace(taggedRoute(t, l, r)); err != nil {
			t.Fatal(err)
		}
	}
	logged := func(what string) int {
		return len(slices.DeleteFunc(strings.Split(p.Log(), "\n"), func(line string) bool {
			return !strings.Contains(line, "msg="+what+" ") || !strings.Contains(line, "id=route-mtu-tag")
		}))
	}
	const came, went = "finding", `"finding is gone"`
	uplink := audit.TaggedRoute{Prefix: "0.0.0.0/0", Table: 254, MTU: 1300}
	tag(uplink)
	awaitRoutes(t, server, uplink)
	other := audit.TaggedRoute{Prefix: "198.18.0.0/16", Table: 254, MTU: 1350}
	tag(other)
	awaitRoutes(t, server, uplink, other) // so it was read again
	if n := logged(came); n != 1 || logged(went) != 0 {
		t.Errorf("the finding came %d times, went %d times", n, logged(went))
	}
	if n := metricsOf(t, server)[findingMetric("route-mtu-tag", check.Warning)]; n != 1 {
		t.Errorf("%v warnings", n)
	}
	uplink.MTU = 0
	tag(uplink)
	awaitRoutes(t, server, other)
	if err := server.Handle().RouteDel(taggedRoute(t, l, other)); err != nil {
		t.Fatal(err)
	}
	awaitRoutes(t, server)
	if came, went := logged(came), logged(went); came != 1 || went != 1 {
		t.Errorf("the finding came %d times, went %d times:\n%s", came, went, p.Log())
	}
}

// awaitRoutes waits until the metric of routes with an MTU has these and no others.
func awaitRoutes(t testing.TB, server *lab.Node, routes ...audit.TaggedRoute) {
	t.Helper()
	want := routeMetrics(routes)
	labtest.Eventually(t, readWithin, "the routes are read", func() error {
		if diff := cmp.Diff(want, withName(metricsOf(t, server), "route_mtu_bytes")); diff != "" {
			return fmt.Errorf("-want +got:\n%s", diff)
		}
		return nil
	})
}

// Without audit.mss the daemon knows no SYN, and its audit says why; the key takes
// a restart.
func TestAuditDaemonWithoutMSS(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 1})
	server := l.Servers[0]
	config := writeConfig(t, everySecond)
	p := labtest.StartRelay(t, server, "--config", config)
	w := newWitness(t, l, 0)
	w.send(2)
	labtest.FromRouter(t, l, 0, classifytest.SYN{}.Bytes()) // not counted
	awaitCounted(t, server, w)
	clear(w.syns)
	w.check(daemonsAudit(t, server))
	if text := startAudit(t, server, "--daemon").exits(0).stdout.String(); !strings.Contains(text, "audit.mss") {
		t.Errorf("it does not name audit.mss:\n%s", text)
	}

	before := rulesOf(t, server, "ptbrelay")
	writeFile(t, config, withMSS)
	reread(t, p)
	if !strings.Contains(p.Log(), "until a restart") || !strings.Contains(p.Log(), "audit.mss") {
		t.Errorf("it does not say that audit.mss takes a restart:\n%s", p.Log())
	}
	if after := rulesOf(t, server, "ptbrelay"); len(after) != len(before) {
		t.Errorf("%d rules, there were %d", len(after), len(before))
	}
	labtest.Stop(t, p)
	labtest.StartRelay(t, server, "--config", config)
	w.syns["ipv6"] = 0
	w.sendSYN(classifytest.SYN{})
	labtest.Eventually(t, 5*time.Second, "the SYN is counted", func() error {
		if got := daemonsAudit(t, server).Messages.SYNs; !maps.Equal(got, w.syns) {
			return fmt.Errorf("%v", got)
		}
		return nil
	})
}

// However many SYNs come, the sample is a sample, and all of them reach the host.
func TestAuditDaemonSample(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 1})
	server := l.Servers[0]
	labtest.StartRelay(t, server, "--config", writeConfig(t, withMSS))
	const many, rate = 2000, 100 // rate and burst of the rule
	var frames [][]byte
	for i := range many {
		s := classifytest.SYN{ClientPort: uint16(1024 + i), Family: []classify.Family{classify.IPv4, classify.IPv6}[i%2]}
		frames = append(frames, labtest.FrameTo(t, l, 0, s.Bytes()))
	}
	segments := countersOf(t, server)["TcpInSegs"]
	begin := time.Now()
	if err := labtest.Sender(t, l.Router, l.RouterInterface(0)).Send(frames); err != nil {
		t.Fatal(err)
	}
	labtest.Eventually(t, 10*time.Second, "all SYNs reach the host", func() error {
		if n := countersOf(t, server)["TcpInSegs"] - segments; n < many {
			return fmt.Errorf("%d of %d", n, many)
		}
		return nil
	})
	most := rate + uint64(time.Since(begin).Seconds()*rate) + 1
	counted := func() uint64 {
		syns := daemonsAudit(t, server).Messages.SYNs
		return syns["ipv4"] + syns["ipv6"]
	}
	labtest.Eventually(t, 5*time.Second, "the sample is counted", func() error {
		if n := counted(); n < rate {
			return fmt.Errorf("%d SYNs", n)
		}
		return nil
	})
	if n := counted(); n > most {
		t.Errorf("%d of %d SYNs are counted, want a sample of %d at most", n, many, most)
	}
}

// Without a daemon, or with one that nobody may ask, there is an error and no report.
func TestAuditNoDaemon(t *testing.T) {
	n := labtest.Node(t, "host")
	startAudit(t, n, "--daemon").refuses("daemon")
}
