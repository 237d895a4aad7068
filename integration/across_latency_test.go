package integration

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// A server with hundreds of VIPs relays and delivers as fast as one with a single
// VIP: nobody chooses among its addresses for each packet.
func TestManyVIPsAddNoLatencyAcrossRacks(t *testing.T) {
	const vips, messages = 512, 256
	r := watchRacks(t, lab.Options{Shape: lab.ShapeRouted, Servers: 2, Clients: 1})
	for _, f := range lab.Families() {
		held := []netip.Addr{r.VIP(f)}
		one := r.latencies(f, held, messages)
		held = append(held, moreVIPs(f, vips-1)...)
		for _, s := range r.Servers {
			labtest.HoldAddresses(t, s, held[1:]...)
		}
		many := r.latencies(f, held, messages)
		t.Logf("%v, from the wire to the injection: with one VIP p50 %v, p99 %v; with %d p50 %v, p99 %v",
			f, part(one, 50), part(one, 99), vips, part(many, 50), part(many, 99))
		if least, now := part(one, 25), part(many, 25); now > 3*least {
			t.Errorf("%v: a quarter of the PTBs took %v at most with one VIP, with %d %v", f, least, vips, now)
		}
	}
}

// moreVIPs are n addresses beside the lab's VIPs.
func moreVIPs(f lab.Family, n int) (more []netip.Addr) {
	first := netip.MustParseAddr("198.18.1.0") // RFC 2544: no range for documentation has so many
	if f == lab.IPv6 {
		first = netip.MustParseAddr("2001:db8:fffe::1")
	}
	for a := first; len(more) < n; a = a.Next() {
		more = append(more, a)
	}
	return more
}

// latencies starts a group of two and returns, in order, how long PTBs took from
// the wire of the first server to the injection at the second: one at a time,
// about each of the VIPs in turn.
func (r *racks) latencies(f lab.Family, vips []netip.Addr, messages int) (took []time.Duration) {
	r.t.Helper()
	config := writeConfig(r.t, unlimited)
	var relays []*lab.Process
	for i := range r.Servers {
		relays = append(relays, r.start(i, append(labtest.Peers(r.Lab, f), "--config", config)...))
	}
	r.forget()
	frames := r.framesAbout(f, vips, messages)
	sender := labtest.Sender(r.t, r.Router, r.RouterInterface(0))
	calm := lab.Stream{Rate: 1000, Count: messages, Fill: func(n int, _ []byte) []byte { return frames[n] }}
	if _, err := sender.Stream(r.t.Context(), calm); err != nil {
		r.t.Fatal(err)
	}
	await(r.t, r.Servers[1], deliveryMetric(f.String(), "injected"), float64(messages))
	r.settle()
	for _, p := range relays {
		labtest.Stop(r.t, p)
	}
	arrived := make(map[lab.Flow]time.Time)
	for _, p := range r.wire[0].PTBs() {
		arrived[p.Flow] = p.Frame.Time
	}
	for _, p := range r.inside[1].PTBs() {
		if p.Frame.Type == lab.PacketOutgoing {
			took = append(took, p.Frame.Time.Sub(arrived[p.Flow]))
		}
	}
	if len(took) != messages || len(arrived) != messages {
		r.t.Fatalf("%d of %d PTBs came in, %d were injected", len(arrived), messages, len(took))
	}
	slices.Sort(took)
	return took
}

// framesAbout are PTBs about as many flows.
func (r *racks) framesAbout(f lab.Family, vips []netip.Addr, n int) (frames [][]byte) {
	r.t.Helper()
	ptb := classifytest.PTB{Family: classify.IPv4}
	if f == lab.IPv6 {
		ptb.Family = classify.IPv6
	}
	head := labtest.FrameTo(r.t, r.Lab, 0, ptb.Bytes())[:14]
	for i := range n {
		ptb.VIP, ptb.ClientPort = vips[i%len(vips)], uint16(45000+i)
		frames = append(frames, slices.Concat(head, ptb.Bytes()))
	}
	return frames
}

// part is what percent of the values, which are in order, do not exceed.
func part(values []time.Duration, percent int) time.Duration {
	return values[(len(values)-1)*percent/100]
}
