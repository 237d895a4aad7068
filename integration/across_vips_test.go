package integration

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// unlimited sets no limit that a test could meet.
const unlimited = `
relay:
  limits: {node: 100000000, node_burst: 100000000, router: 100000000, router_burst: 100000000, client: 100000000, client_burst: 100000000,
           peer: 100000000, peer_burst: 100000000, deliver: 100000000, deliver_burst: 100000000}
`

// theVIPs names the lab's VIPs, so that they are the group's where a member does
// not hold them.
const theVIPs = `vips: [192.0.2.0/24, "2001:db8:ffff::/64"]` + unlimited

// A member that does not hold the VIP, or loses it while PTBs about it rain,
// injects nothing from then on and lets nothing out by its default route; it goes
// on relaying for the others, and injects again with the VIP.
func TestNothingLeavesWithoutVIP(t *testing.T) {
	const feeder, holder, stranger = 0, 1, 2
	for _, p := range []lab.Placement{lab.VIPOnLoopback, lab.VIPAnyIP, lab.VIPOnInterface} {
		t.Run(p.String(), func(t *testing.T) {
			r := watchRacks(t, lab.Options{Shape: lab.ShapeRouted, Clients: 1, VIPs: p})
			exits := make(map[int]*lab.Tap)
			for _, i := range []int{holder, stranger} {
				exits[i] = labtest.TapWith(t, r.Servers[i], "eth0", lab.TapOptions{All: true, Types: []lab.PacketType{lab.PacketOutgoing}})
			}
			r.withdraw(stranger)
			for i := range r.Servers {
				r.start(i, append(labtest.Peers(r.Lab, lab.IPv4), "--config", writeConfig(t, theVIPs))...)
			}
			rain := r.rain(feeder)
			r.delivers(holder, "injected", 100)
			r.delivers(stranger, "not-local", 100)
			r.withdraw(holder)
			r.delivers(holder, "not-local", 1)
			before := r.delivered(holder, "injected")
			r.delivers(holder, "not-local", 100)
			rain.Stop()
			r.settle()
			if got := r.delivered(holder, "injected"); got != before {
				t.Errorf("%v PTBs were injected after the first that found no VIP", got-before)
			}
			if got := r.delivered(stranger, "injected"); got != 0 {
				t.Errorf("%v PTBs were injected where the VIP never was", got)
			}
			for i, tap := range exits {
				for _, f := range lab.Families() {
					r.checkNothingLeft(i, tap, r.VIP(f))
				}
			}

			for n, ptb := range ptbs(44101) {
				labtest.FromRouter(t, r.Lab, stranger, ptb.Bytes())
				await(t, r.Servers[stranger], outcomeMetric(ptb.Family.String(), "relayed"), 1)
				labtest.HoldAddresses(t, r.Servers[holder], r.VIP(lab.Families()[n]))
			}
			again := r.rain(feeder)
			r.delivers(holder, "injected", before+100)
			again.Stop()
			r.settle()
			r.check()
		})
	}
}

// rain streams PTBs of both families about ever new flows to a server.
func (r *racks) rain(server int) *labtest.Flood {
	r.t.Helper()
	const rate, longest = 3000, 10 // a second, seconds
	f := newForger(r.t, r.Lab, forgery{}, server)
	return labtest.StartFloodToward(r.t, r.Lab, server, lab.Stream{Rate: rate, Count: rate * longest, Fill: f.fill})
}

func (r *racks) withdraw(server int) {
	r.t.Helper()
	for _, f := range lab.Families() {
		labtest.WithdrawVIPs(r.t, r.Lab, server, f)
	}
}

// delivered is how often a server's deliveries were that, of both families.
func (r *racks) delivered(server int, delivery string) float64 {
	r.t.Helper()
	m := metricsOf(r.t, r.Servers[server])
	return m[deliveryMetric("ipv4", delivery)] + m[deliveryMetric("ipv6", delivery)]
}

// delivers waits until a server's deliveries of each family were that often that.
func (r *racks) delivers(server int, delivery string, atLeast float64) {
	r.t.Helper()
	awaitMetrics(r.t, r.Servers[server], 5*time.Second, fmt.Sprintf("%v are %s", atLeast, delivery), func(m map[string]float64) error {
		for _, f := range lab.Families() {
			if n := m[deliveryMetric(f.String(), delivery)]; n < atLeast {
				return fmt.Errorf("%v of %v", n, f)
			}
		}
		return nil
	})
}

// checkNothingLeft fails the test unless no packet to a VIP has left a server, and
// one that does is seen.
func (r *racks) checkNothingLeft(server int, exit *lab.Tap, vip netip.Addr) {
	r.t.Helper()
	node := r.Servers[server]
	left := toward(labtest.Fence(r.t, node, "eth0", exit), vip)
	if len(left) > 0 {
		r.t.Errorf("%s: %d packets to %v left it, the first is % x", node.Name(), len(left), vip, left[0].Data)
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Second)
	defer cancel()
	conn, err := node.Dial(ctx, "udp", net.JoinHostPort(vip.String(), "9"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte{0}); err != nil {
		r.t.Fatal(err)
	}
	if _, err := exit.Wait(ctx, func(frames []lab.Frame) bool { return len(toward(frames, vip)) > len(left) }); err != nil {
		r.t.Errorf("%s: a packet to %v that leaves is not seen: %v", node.Name(), vip, err)
	}
}

// Without VIPs in the configuration, the group's are those that are local: about
// others a member believes no peer, and a PTB that comes in for them by mistake is
// nobody's.
func TestForeignVIPFromPeer(t *testing.T) {
	const stranger = 2
	r := watchRacks(t, lab.Options{Shape: lab.ShapeRouted, Clients: 1})
	r.withdraw(stranger)
	for i := range r.Servers {
		r.start(i, labtest.Peers(r.Lab, lab.IPv6)...)
	}
	for _, ptb := range ptbs(44102) {
		family := ptb.Family.String()
		labtest.FromRouter(t, r.Lab, stranger, ptb.Bytes())
		labtest.FromRouter(t, r.Lab, 0, ptb.Bytes())
		await(t, r.Servers[1], deliveryMetric(family, "injected"), 1)
		await(t, r.Servers[stranger], fmt.Sprintf(`ptbrelay_verdicts_total{family=%q,from="peer",verdict=%q}`, family, classify.ForeignVIP), 1)
	}
	r.settle()
	m := metricsOf(t, r.Servers[stranger])
	if n := sum(m, "ptbrelay_outcomes_total") + sum(m, "ptbrelay_deliveries_total"); n != 0 {
		t.Errorf("a member without any VIP has relayed or injected %v PTBs", n)
	}
	r.check()
}
