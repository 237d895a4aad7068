package simulation

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// The PTBs that a stalled download of the real kernel provokes are those of the
// model: as many, and at its times. Each is compared in the middle of all flows,
// with room for a busy machine and for timers of another grain than 250 Hz.
func TestFlowIsTheKernels(t *testing.T) {
	const watched, room = 2 * time.Second, 150 * time.Millisecond
	l := labtest.New(t, lab.Options{Clients: 16})
	taps := labtest.TapServers(t, l)
	report := labtest.Downloads(t, l, lab.Load{Timeout: watched})
	arrivals := arrivals(taps, report.Missed(l.Landings(taps)))
	if len(arrivals) < 8 {
		t.Fatalf("only %d downloads stalled", len(arrivals))
	}
	model := modelled(watched)
	for i, want := range model {
		var all []time.Duration
		for flow, at := range arrivals {
			if len(at) < len(model) {
				t.Fatalf("%v: %d PTBs, the model has %d", flow, len(at), len(model))
			}
			all = append(all, at[i])
		}
		slices.Sort(all)
		if got := all[len(all)/2]; (got - want).Abs() > room {
			t.Errorf("PTB %d comes after %v, by the model after %v", i, got, want)
		}
	}
}

// arrivals are when PTBs about the flows came in from the router, each counted
// from its flow's first.
func arrivals(taps []*lab.Tap, flows []lab.Flow) map[lab.Flow][]time.Duration {
	first := make(map[lab.Flow]time.Time)
	at := make(map[lab.Flow][]time.Duration)
	for _, tap := range taps {
		for _, p := range tap.PTBs() {
			if p.Frame.Type != lab.PacketHost || !slices.Contains(flows, p.Flow) {
				continue
			}
			if _, ok := first[p.Flow]; !ok {
				first[p.Flow] = p.Frame.Time
			}
			at[p.Flow] = append(at[p.Flow], p.Frame.Time.Sub(first[p.Flow]))
		}
	}
	return at
}

// modelled are the times of the model's PTBs that surely come in a time.
func modelled(within time.Duration) (at []time.Duration) {
	f := newFlow(netip.AddrPortFrom(client(0), firstPort), lead, 0, fixed(1))
	for ; f.at()-f.start < int64(within)*9/10; f.advance() {
		at = append(at, time.Duration(f.at()-f.start))
	}
	return at
}
