package integration

import (
	"encoding/binary"
	"flag"
	"hash/maphash"
	"net/netip"
	"testing"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/classify/classifytest/reference"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

var packetsSeed = flag.Uint64("packets.seed", 1, "what the packets of TestGarbage depend on")

const (
	garbageRounds = 40     // at most
	garbageRound  = 10_000 // packets
	garbageRate   = 20_000 // packets a second
	garbageEnough = 100_000
)

// garbageConfig is [classifytest.Policy], under which the reference judges, with
// a budget that every tap keeps up with.
const garbageConfig = `
vips: [192.0.2.1, "2001:db8:ffff::1"]
policy: {ports: [443, 53], strict: true}
relay: {limits: {node: 500, node_burst: 200}}
`

// A hundred thousand hostile packets, built and mutated, through the kernel into
// a daemon: afterwards it is as it was, it has accounted for each of them, and
// what it gave to the others are copies of packets that an independent reading
// calls believable.
func TestGarbage(t *testing.T) {
	l := labtest.New(t, lab.Options{Clients: 1, Servers: 2})
	g := newGarbage(t, l)
	p := labtest.StartRelay(t, g.server, "--config", writeConfig(t, garbageConfig))
	g.round(g.forVIP) // touches what is allocated and was never used
	before := stateOf(t, g.server, p)

	rounds := 1
	for ; g.received() < garbageEnough; rounds++ {
		if rounds == garbageRounds {
			t.Fatalf("%v received after %d packets", g.received(), rounds*garbageRound)
		}
		g.round(g.forVIP)
	}
	g.ignores()
	t.Logf("%d packets for the VIP, %v received", rounds*garbageRound, g.received())

	checkLaws(t, g.server)
	g.checkVerdicts()
	g.checkWire()
	for _, f := range lab.Families() {
		if n, err := l.Servers[1].Exceptions(f); n != 0 || err != nil {
			t.Errorf("%d %v path MTU exceptions on a server without flows (%v)", n, f, err)
		}
	}
	checkState(t, g.server, p, before)
	labtest.Stop(t, p)
	if left := groups(t, g.server); left != "" {
		t.Errorf("NFLOG groups are left:\n%s", left)
	}
}

// garbage is what one server gets and what another one sees of it.
type garbage struct {
	t       *testing.T
	lab     *lab.Lab
	server  *lab.Node
	mutator *classifytest.Mutator
	headers map[int][]byte // Ethernet's, by IP version
	router  [6]byte        // its MAC address
	meter   *labtest.Meter
	wire    *lab.Tap

	seed    maphash.Seed
	sent    map[uint64]int // by hash of the packet without padding
	ignored uint64         // arrived, and were for no VIP
}

func newGarbage(t *testing.T, l *lab.Lab) *garbage {
	t.Helper()
	t.Logf("-packets.seed %d", *packetsSeed)
	return &garbage{
		t: t, lab: l, server: l.Servers[0],
		mutator: classifytest.NewMutator(*packetsSeed),
		headers: map[int][]byte{
			4: labtest.FrameTo(t, l, 0, classifytest.PTB{}.Bytes())[:14],
			6: labtest.FrameTo(t, l, 0, classifytest.PTB{Family: classify.IPv6}.Bytes())[:14],
		},
		router: labtest.MAC(t, l.Router, "servers"),
		meter:  labtest.NewMeter(t, l),
		wire: labtest.TapWith(t, l.Servers[1], "eth0", lab.TapOptions{
			All: true, Types: []lab.PacketType{lab.PacketBroadcast, lab.PacketHost, lab.PacketOtherHost},
		}),
		seed: maphash.MakeSeed(),
		sent: make(map[uint64]int),
	}
}

// addresses are what stands where a packet's source and destination are.
func addresses(packet []byte) (from, to netip.Addr) {
	switch {
	case packet[0]>>4 == 4 && len(packet) >= 20:
		return netip.AddrFrom4([4]byte(packet[12:])), netip.AddrFrom4([4]byte(packet[16:]))
	case packet[0]>>4 == 6 && len(packet) >= 40:
		return netip.AddrFrom16([16]byte(packet[8:])), netip.AddrFrom16([16]byte(packet[24:]))
	}
	return netip.Addr{}, netip.Addr{}
}

func (g *garbage) forVIP(packet []byte) bool {
	_, to := addresses(packet)
	return to == classifytest.VIP4 || to == classifytest.VIP6
}

// fromAfar tells whether no answer to the packet would go to the servers' own
// segment, where it might be taken for a copy.
func (g *garbage) fromAfar(packet []byte) bool {
	from, _ := addresses(packet)
	for f, bits := range map[lab.Family]int{lab.IPv4: 25, lab.IPv6: 64} {
		if on, err := g.lab.ServerAddr(f, 0).Prefix(bits); err != nil || on.Contains(from) {
			return false
		}
	}
	return true
}

// pour sends a round of packets that are wanted.
func (g *garbage) pour(wanted func([]byte) bool) {
	g.t.Helper()
	sender, err := g.lab.Router.Sender("servers")
	if err != nil {
		g.t.Fatal(err)
	}
	defer sender.Close()
	_, err = sender.Stream(g.t.Context(), lab.Stream{
		Rate: garbageRate, Count: garbageRound,
		Fill: func(_ int, buf []byte) []byte {
			for {
				packet := g.mutator.Packet()
				if len(packet) > 0 && wanted(packet) && g.fromAfar(packet) {
					return append(buf[:0], g.frame(packet)...)
				}
			}
		},
	})
	if err != nil {
		g.t.Fatal(err)
	}
}

// frame notes that a packet is sent.
func (g *garbage) frame(packet []byte) []byte {
	g.sent[g.hash(packet)]++
	version := 4
	if packet[0]>>4 == 6 {
		version = 6
	}
	return append(g.headers[version][:14:14], packet...)
}

// hash is that of a packet without what lies beyond its IP length: no kernel
// hands that on.
func (g *garbage) hash(packet []byte) uint64 {
	total := len(packet)
	switch {
	case packet[0]>>4 == 4 && len(packet) >= 20:
		total = int(packet[2])<<8 | int(packet[3])
	case packet[0]>>4 == 6 && len(packet) >= 40:
		total = 40 + int(packet[4])<<8 + int(packet[5])
	}
	return maphash.Bytes(g.seed, packet[:min(total, len(packet))])
}

// round pours and waits until the daemon has accounted for every packet.
func (g *garbage) round(wanted func([]byte) bool) {
	g.t.Helper()
	g.pour(wanted)
	g.settle()
}

// settle waits until what arrived for the VIP is accounted for.
func (g *garbage) settle() {
	g.t.Helper()
	settle(g.t, g.server, func() float64 { return float64(g.meter.Counts()[0] - g.ignored) }, func() {
		if err := g.lab.Router.SendFrame("servers", g.frame(classifytest.PTB{}.Bytes())); err != nil {
			g.t.Fatal(err)
		}
	})
}

func (g *garbage) received() float64 {
	g.t.Helper()
	return sum(metricsOf(g.t, g.server), "ptbrelay_received_total")
}

// ignores pours what is for other destinations: PTBs arrive, and none of them is
// received.
func (g *garbage) ignores() {
	g.t.Helper()
	there := labtest.Tap(g.t, g.server, "eth0")
	before := g.meter.Counts()[0]
	g.pour(func(packet []byte) bool { return !g.forVIP(packet) })
	labtest.Fence(g.t, g.lab.Router, "servers", there)
	g.ignored = g.meter.Counts()[0] - before
	if g.ignored == 0 {
		g.t.Error("no PTB for another destination arrived")
	}
	g.settle()
}

// noVerdict are the verdicts that no packet can get that came through the kernel
// and our rules.
var noVerdict = map[classify.Verdict]string{
	classify.NotIP:      "the kernel drops it before the hook",
	classify.Truncated:  "the kernel drops it before the hook",
	classify.ForeignVIP: "the rules return",
}

// checkVerdicts: each that can occur did, in both families.
func (g *garbage) checkVerdicts() {
	g.t.Helper()
	m := metricsOf(g.t, g.server)
	for v := range classify.Verdicts() {
		for _, f := range []string{"ipv4", "ipv6"} {
			n := m[verdictMetric(f, v)]
			if why, none := noVerdict[v]; none && n != 0 {
				g.t.Errorf("%s: %v are %v, but %s", f, n, v, why)
			} else if !none && n == 0 {
				g.t.Errorf("%s: none is %v", f, v)
			}
		}
	}
}

// others tells the frames that are not the daemon's: the lab's markers, what
// kernels ask each other by ARP, and what the router passes on.
func (g *garbage) others(f lab.Frame) bool {
	const arp = 0x0806
	etherType := binary.BigEndian.Uint16(f.Data[12:])
	return etherType == lab.MarkerEtherType || etherType == arp || [6]byte(f.Data[6:]) == g.router
}

// checkWire: every frame of the server's that another one sees is a copy of a
// packet that was sent, no more often than that was, and the reference calls it
// eligible.
func (g *garbage) checkWire() {
	g.t.Helper()
	from := labtest.MAC(g.t, g.server, "eth0")
	copies := make(map[string]int)
	for _, f := range labtest.Fence(g.t, g.server, "eth0", g.wire) {
		if g.others(f) {
			continue
		}
		packet := f.Data[14:]
		if f.Type != lab.PacketBroadcast || [6]byte(f.Data[6:]) != from {
			g.t.Fatalf("a frame that is no copy: %v %x", f.Type, f.Data)
		}
		if h := g.hash(packet); g.sent[h] == 0 {
			g.t.Fatalf("a copy of what was not sent, or once too often: %x", packet)
		} else {
			g.sent[h]--
		}
		r := reference.Read(packet)
		if r.Verdict != classify.Eligible && r.Explain(packet, classify.Eligible) < 0 {
			g.t.Errorf("a copy of what is %v: %x", r.Verdict, packet)
		}
		copies[r.Family.String()]++
	}
	m := metricsOf(g.t, g.server)
	for _, family := range []string{"ipv4", "ipv6"} {
		relayed := m[outcomeMetric(family, "relayed")]
		g.t.Logf("%s: %v relayed", family, relayed)
		if relayed != float64(copies[family]) || relayed < 500 {
			g.t.Errorf("%s: %v relayed, %d copies on the wire; want as many, and at least 500", family, relayed, copies[family])
		}
	}
}
