package integration

import (
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/audit"
	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// witness knows by a tap what came in at a server, and by the clients which
// connections were opened to it.
type witness struct {
	t      testing.TB
	lab    *lab.Lab
	server int
	tap    *lab.Tap
	syns   map[string]uint64 // by family
}

func newWitness(t testing.TB, l *lab.Lab, server int) *witness {
	t.Helper()
	return &witness{
		t: t, lab: l, server: server, tap: labtest.Tap(t, l.Servers[server], "eth0"),
		syns: map[string]uint64{"ipv4": 0, "ipv6": 0},
	}
}

// opened notes the connections of a load.
func (w *witness) opened(r lab.Report) {
	for _, x := range r.Results {
		if x.Owner == w.server {
			w.syns[x.Flow.Family().String()]++
		}
	}
}

// send has the router send this server PTBs of both families with so many
// different MTUs, of each one more than of the one before; not all are believable.
func (w *witness) send(mtus int) {
	w.t.Helper()
	var frames [][]byte
	for i := range mtus {
		for _, ptb := range ptbs(uint16(45000 + i)) {
			ptb.MTU = classify.MTU(1200 + 20*i)
			frame := labtest.FrameTo(w.t, w.lab, w.server, ptb.Bytes())
			for range i + 1 {
				frames = append(frames, frame)
			}
		}
	}
	if err := labtest.Sender(w.t, w.lab.Router, w.lab.RouterInterface(w.server)).Send(frames); err != nil {
		w.t.Fatal(err)
	}
}

// sendSYN has the router open a connection to this server that nobody answers.
func (w *witness) sendSYN(s classifytest.SYN) {
	w.t.Helper()
	labtest.FromRouter(w.t, w.lab, w.server, s.Bytes())
	family := classify.IPv4
	if s.Family == classify.IPv6 {
		family = s.Family
	}
	w.syns[family.String()]++
}

// arrived are the PTBs that came to this server until now, and not to all, by
// family and MTU.
func (w *witness) arrived() map[string]map[uint32]uint64 {
	w.t.Helper()
	counts := map[string]map[uint32]uint64{"ipv4": {}, "ipv6": {}}
	frames := labtest.Fence(w.t, w.lab.Router, w.lab.RouterInterface(w.server), w.tap)
	for _, p := range lab.PTBs(frames) {
		if p.Frame.Type == lab.PacketHost {
			counts[p.Flow.Family().String()][uint32(p.MTU)]++
		}
	}
	return counts
}

// check compares a report with what came in, next hops included.
func (w *witness) check(r *audit.Report) {
	w.t.Helper()
	arrived := w.arrived()
	mtus, judged, ptbs := make(map[string]map[uint32]uint64), uint64(0), uint64(0)
	for _, v := range r.NextHopMTU {
		mtus[v.Family] = valueCounts(v)
		ptbs += v.Samples
		for _, n := range r.Messages.Verdicts[v.Family] {
			judged += n
		}
	}
	if diff := cmp.Diff(arrived, mtus); diff != "" {
		w.t.Errorf("next-hop MTUs, -arrived +reported:\n%s", diff)
	}
	if judged != ptbs {
		w.t.Errorf("%d verdicts for %d PTBs", judged, ptbs)
	}
	if diff := cmp.Diff(w.syns, r.Messages.SYNs); diff != "" {
		w.t.Errorf("SYNs, -sent +reported:\n%s", diff)
	}
	if r.Messages.Lost != 0 || ptbs == 0 {
		w.t.Errorf("%d lost of %d", r.Messages.Lost, ptbs)
	}
	router := labtest.MAC(w.t, w.lab.Router, w.lab.RouterInterface(w.server))
	checkNextHop(w.t, r.Networks.PTBs, router, ptbs)
	checkNextHop(w.t, r.Networks.SYNs, router, w.syns["ipv4"]+w.syns["ipv6"])
}

// checkNextHop fails the test unless all messages came by one neighbour.
func checkNextHop(t testing.TB, got audit.NetworkSide, by [6]byte, messages uint64) {
	t.Helper()
	var want []audit.Inbound
	if messages > 0 {
		want = []audit.Inbound{{MAC: net.HardwareAddr(by[:]).String(), Count: messages, Share: 1}}
	}
	if diff := cmp.Diff(want, got.NextHops); diff != "" || len(got.Several) != 0 {
		t.Errorf("next hops, -want +got:\n%s; by several %v", diff, got.Several)
	}
}

// checkOffered fails the test unless all clients that named an MSS named that of an
// interface with an MTU of 1500.
func checkOffered(t testing.TB, r *audit.Report) {
	t.Helper()
	for _, v := range r.MSS {
		if v.Samples == 0 || len(v.Counts) != 1 || v.Counts[0].MTU != 1500 || v.Counts[0].Count != v.Samples {
			t.Errorf("MSS of %s: %+v", v.Family, v)
		}
	}
}
