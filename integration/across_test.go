package integration

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

const (
	udpCopies = `ptbrelay_copies_total{transport="udp"}`
	udpErrors = `ptbrelay_send_errors_total{transport="udp"}`
)

// racks is a lab with a ptbrelay on every server that sends over udp, and taps on
// what comes and goes.
type racks struct {
	*lab.Lab
	t      *testing.T
	wire   []*lab.Tap // by server: PTBs, and datagrams of the transport, on eth0
	inside []*lab.Tap // by server: PTBs on lo
}

// startRacks starts it with the servers' addresses of a family as peers.
func startRacks(t *testing.T, o lab.Options, fabric lab.Family, args ...string) *racks {
	t.Helper()
	r := watchRacks(t, o)
	labtest.UDPRelays(t, r.Lab, fabric, args...)
	return r
}

// watchRacks leaves it to the caller to start the daemons.
func watchRacks(t *testing.T, o lab.Options) *racks {
	t.Helper()
	r := &racks{Lab: labtest.New(t, o), t: t}
	for _, s := range r.Servers {
		r.wire = append(r.wire, labtest.TapWith(t, s, "eth0", lab.TapOptions{UDPPorts: []uint16{udpPort}}))
		r.inside = append(r.inside, labtest.Tap(t, s, "lo"))
	}
	return r
}

// start runs the daemon on a server and returns when it captures and hears. Others
// that run send it copies from then on, though they may not know yet that it is
// there.
func (r *racks) start(server int, args ...string) *lab.Process {
	r.t.Helper()
	labtest.WriteKeys(r.t, r.Servers[server], labtest.Key(0))
	return labtest.StartUDPRelay(r.t, r.Servers[server], args...)
}

// settle waits until every copy that was sent has become a delivery, and the taps
// have recorded all that led to it.
func (r *racks) settle() {
	r.t.Helper()
	labtest.Eventually(r.t, 10*time.Second, "every copy has arrived", func() error {
		var copies, opened, eligible, delivered float64
		for _, s := range r.Servers {
			m, err := labtest.TryMetrics(r.t.Context(), s, labtest.MetricsURL)
			if err != nil {
				return err
			}
			copies += m[udpCopies]
			opened += m[datagramMetric("ptb", "opened")]
			delivered += sum(m, "ptbrelay_deliveries_total")
			for _, f := range lab.Families() {
				eligible += m[fmt.Sprintf(`ptbrelay_verdicts_total{family=%q,from="peer",verdict="eligible"}`, f)]
			}
		}
		if copies != opened || eligible != delivered {
			return fmt.Errorf("%v copies, %v opened, %v of them eligible, %v delivered", copies, opened, eligible, delivered)
		}
		return nil
	})
	for i, s := range r.Servers {
		labtest.Fence(r.t, r.Router, r.RouterInterface(i), r.wire[i])
		labtest.Fence(r.t, s, "lo", r.inside[i])
	}
}

// check fails the test unless the counts of the group at rest add up: every PTB
// relayed is one copy for each other member, and nothing else leaves.
func (r *racks) check() {
	r.t.Helper()
	for _, s := range r.Servers {
		checkLaws(r.t, s)
		m := metricsOf(r.t, s)
		relayed := m[outcomeMetric("ipv4", "relayed")] + m[outcomeMetric("ipv6", "relayed")]
		if want := relayed * float64(len(r.Servers)-1); m[udpCopies] != want || m[udpErrors] != 0 {
			r.t.Errorf("%s relayed %v PTBs in %v copies and %v errors, want %v copies", s.Name(), relayed, m[udpCopies], m[udpErrors], want)
		}
		if bad := sum(m, "ptbrelay_datagrams_total") - sum(m, `ptbrelay_datagrams_total{result="opened",`); bad != 0 {
			r.t.Errorf("%s refused %v datagrams of its group", s.Name(), bad)
		}
	}
}

// heal runs the downloads and checks that every one of them finishes, that those
// whose PTB missed the owner would not have without a copy, and that the owner has
// learned from what was injected there.
func (r *racks) heal() (report lab.Report, missed []lab.Flow) {
	r.t.Helper()
	if err := r.Preflight(); err != nil {
		r.t.Fatal(err)
	}
	report = labtest.Downloads(r.t, r.Lab, lab.Load{})
	r.settle()
	landings := r.Landings(r.wire)
	if err := report.CheckHash(landings); err != nil {
		r.t.Fatal(err)
	}
	missed = report.Missed(landings)
	for _, x := range report.Results {
		if !x.Finished {
			r.t.Errorf("%v: %v", x.Flow, x.Err)
		}
		if slices.Contains(missed, x.Flow) {
			r.checkInjected(x)
		}
	}
	checkSlowest(r.t, report)
	r.check()
	r.t.Logf("%d PTBs missed their owner; %v", len(missed), report.Summary())
	return report, missed
}

// checkInjected checks that a flow's owner got what it learned by an injection.
func (r *racks) checkInjected(x lab.Result) {
	r.t.Helper()
	mtu, exception, err := r.Servers[x.Owner].PathMTU(x.Flow.VIP.Addr(), x.Flow.Client.Addr())
	if err != nil {
		r.t.Fatal(err)
	}
	if !exception || mtu != r.Options.PathMTU {
		r.t.Errorf("%v: its owner has path MTU %d, exception %v, want %d by exception", x.Flow, mtu, exception, r.Options.PathMTU)
	}
	if !slices.Contains(r.injectedAt(x.Flow), x.Owner) {
		r.t.Errorf("%v: nothing was injected at its owner", x.Flow)
	}
}

// injectedAt lists the servers where PTBs about a flow were injected, once for
// each of them.
func (r *racks) injectedAt(flow lab.Flow) (servers []int) {
	for i, tap := range r.inside {
		for _, p := range tap.PTBs() {
			if p.Frame.Type == lab.PacketOutgoing && p.Flow == flow {
				servers = append(servers, i)
			}
		}
	}
	return servers
}

// Across routers every download through the black hole finishes, whatever family
// the fabric carries the copies by, and wherever the VIP is.
func TestHealsAcrossRacks(t *testing.T) {
	for _, c := range []struct {
		fabric  lab.Family
		options lab.Options
	}{
		{lab.IPv4, lab.Options{Shape: lab.ShapeRouted}},
		{lab.IPv6, lab.Options{Shape: lab.ShapeRouted, VIPs: lab.VIPAnyIP, Offload: true}},
		{lab.IPv4, lab.Options{Shape: lab.ShapeSegment, VIPs: lab.VIPOnInterface}},
	} {
		t.Run(fmt.Sprintf("%v over %v", c.options.Shape, c.fabric), func(t *testing.T) {
			startRacks(t, c.options, c.fabric).heal()
		})
	}
}

// What a receiver injects is related to its connection, so a firewall that drops
// what conntrack calls invalid, every PTB on the wrong server, passes it.
func TestHealsAcrossRacksWithInvalidDropped(t *testing.T) {
	r := startRacks(t, lab.Options{Shape: lab.ShapeRouted}, lab.IPv6)
	for _, s := range r.Servers {
		labtest.Drop(t, s, labtest.CTInvalid())
	}
	r.heal()
	var dropped uint64
	for _, s := range r.Servers {
		dropped += labtest.Dropped(t, s)
	}
	if dropped == 0 {
		t.Error("conntrack called nothing invalid: the rule was not tried")
	}
}

// Where only owners are to be bothered, nobody else is, and all heals as well.
func TestHealsAcrossRacksDeliveringToOwners(t *testing.T) {
	r := startRacks(t, lab.Options{Shape: lab.ShapeRouted}, lab.IPv4, "--config", writeConfig(t, "udp: {deliver: owned}\n"))
	report, missed := r.heal()
	for _, x := range report.Results {
		for _, at := range r.injectedAt(x.Flow) {
			if at != x.Owner {
				t.Errorf("%v: injected at server %d, its owner is %d", x.Flow, at, x.Owner)
			}
		}
	}
	for _, f := range lab.Families() {
		injected, notOwned := 0.0, 0.0
		for _, s := range r.Servers {
			m := metricsOf(t, s)
			injected += m[deliveryMetric(f.String(), "injected")]
			notOwned += m[deliveryMetric(f.String(), "not-owned")]
		}
		// Three members: of each PTB that missed its owner one other is told in
		// vain, of each that did not both.
		owners := 0
		for _, flow := range missed {
			if flow.Family() == f {
				owners++
			}
		}
		others := 2*len(report.Family(f).Results) - owners
		if injected < float64(owners) || notOwned < float64(others) {
			t.Errorf("%v: %v injected and %v not owned, want at least %d and %d", f, injected, notOwned, owners, others)
		}
	}
}
