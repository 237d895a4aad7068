package integration

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

const (
	scrapedServer = 0 // whose metrics are looked at
	peerServer    = 1 // sends it one PTB of each kind
	loudServer    = 2 // sends it more than the limit of a peer
)

// scriptConfig has limits so slow that a bucket gives out nothing more within a
// test, one peer whom no route leads to, and one list of peers that is not there.
// First-timers leave half of a burst and those behind known routers a quarter: of
// these bursts neither is a whole number, so no count depends on a moment.
const scriptConfig = `
vips: [192.0.2.1, 2001:db8:ffff::1, 192.0.2.77, 2001:db8:ffff::77]
policy: {ports: [443], strict: true}
relay: {dry_run: %v, limits: {client: 1, client_burst: 5, peer: 1, peer_burst: 41}}
peers: {file: /run/none}
audit: {routes_every: 1s}
`

// deadPeer is an address that a server has an unreachable route to.
const deadPeer = "198.51.100.250"

// script plays, on a group over udp, what makes most of the metrics of one daemon
// count, each by a number that is the same in every run.
type script struct {
	*lab.Lab
	t       *testing.T
	daemon  *lab.Process
	config  string
	flows   uint16 // made so far
	wire    int    // PTBs sent to the scraped server
	peer    int    // and to its peers
	results int    // of samples
}

func newScript(t *testing.T) *script {
	t.Helper()
	s := &script{Lab: labtest.New(t, lab.Options{Shape: lab.ShapeRouted, Clients: 2}), t: t}
	s.setUpRoutes()
	for _, f := range lab.Families() {
		labtest.HoldAddresses(t, s.Servers[peerServer], held(f, 77), held(f, 78))
	}
	s.config = writeConfig(t, fmt.Sprintf(scriptConfig, false))
	for i, server := range s.Servers {
		labtest.WriteKeys(t, server, labtest.Key(0))
		args := labtest.Peers(s.Lab, lab.IPv4)
		if i == scrapedServer {
			args = append(args, "--peer", deadPeer, "--config", s.config)
		}
		p := labtest.StartUDPRelay(t, server, args...)
		if i == scrapedServer {
			s.daemon = p
		}
	}
	labtest.AwaitPeers(t, s.Lab)
	return s
}

func (s *script) scraped() *lab.Node { return s.Servers[scrapedServer] }

// setUpRoutes gives the scraped server the way to the dead peer, and a route with
// an MTU.
func (s *script) setUpRoutes() {
	s.t.Helper()
	gateway := s.RouterAddr(lab.IPv4, scrapedServer)
	for _, r := range []netlink.Route{
		{Dst: netlink.NewIPNet(netip.MustParseAddr(deadPeer).AsSlice()), Type: unix.RTN_UNREACHABLE},
		{Dst: netlink.NewIPNet(netip.MustParseAddr("203.0.113.200").AsSlice()), Gw: gateway.AsSlice(), MTU: 1280, MTULock: true},
	} {
		if err := s.scraped().Handle().RouteAdd(&r); err != nil {
			s.t.Fatalf("route to %v: %v", r.Dst, err)
		}
	}
}

// held is an address beside the VIPs of the lab, with this number.
func held(f lab.Family, n byte) netip.Addr {
	if f == lab.IPv6 {
		return netip.MustParseAddr(fmt.Sprintf("2001:db8:ffff::%d", n))
	}
	return netip.AddrFrom4([4]byte{192, 0, 2, n})
}

// play returns when all that it has sent is counted.
func (s *script) play() {
	s.t.Helper()
	for _, f := range lab.Families() {
		for _, ptb := range oneOfEachVerdict(f) {
			s.send(scrapedServer, s.about(f, ptb))
		}
		twice := s.about(f, classifytest.PTB{})
		s.send(scrapedServer, twice, twice)
		s.send(scrapedServer, s.aboutOneClient(f, 5)...)
		s.send(peerServer, s.about(f, classifytest.PTB{}))
		s.send(peerServer, s.about(f, classifytest.PTB{VIPPort: 53}))
		for _, vip := range []netip.Addr{held(f, 77), held(f, 78)} {
			s.send(peerServer, s.about(f, classifytest.PTB{VIP: vip}))
		}
		s.sampled(f)
	}
	s.send(loudServer, s.aboutMany(lab.IPv4, 35)...)
	s.settle()
	s.sendForged()
	s.eventually("the host is read", func(m map[string]float64) error {
		if m[`ptbrelay_pmtu_exceptions{family="ipv4"}`] == 0 || m[`ptbrelay_pmtu_exceptions{family="ipv6"}`] == 0 {
			return errNotYet
		}
		return nil
	})
	s.holdBack(func() {
		writeFile(s.t, s.config, fmt.Sprintf(scriptConfig, true))
		reread(s.t, s.daemon)
	})
	s.holdBack(func() { obeyed(s.t, s.Servers[:1], saysPaused, "pause") })
}

// oneOfEachVerdict has a PTB of each verdict that can come by the wire here.
func oneOfEachVerdict(f lab.Family) []classifytest.PTB {
	return []classifytest.PTB{
		{},
		{BreakChecksum: true},
		{QuoteCut: 1},
		{QuoteVersion: new(uint8(5))},
		{Protocol: 132},
		{QuoteSource: held(f, 77)},
		{VIPPort: 53},
		{MTU: 500},
		{MTU: 1500},
		{MTU: 1492, QuoteLength: new(uint16(600))},
	}
}

// about gives a PTB a family, and a flow and client that no other has.
func (s *script) about(f lab.Family, p classifytest.PTB) classifytest.PTB {
	s.flows++
	p.ClientPort = s.flows
	p.Family, p.Client = classify.IPv4, netip.AddrFrom4([4]byte{203, 0, 113, byte(s.flows)})
	if f == lab.IPv6 {
		p.Family, p.Client = classify.IPv6, netip.MustParseAddr(fmt.Sprintf("2001:db8:c:%x::1", s.flows))
	}
	return p
}

// aboutMany are PTBs about so many clients.
func (s *script) aboutMany(f lab.Family, count int) (ptbs []classifytest.PTB) {
	for range count {
		ptbs = append(ptbs, s.about(f, classifytest.PTB{}))
	}
	return ptbs
}

// aboutOneClient are PTBs about so many flows of one client. Of a router that is
// known more would be relayed, so theirs is a new one.
func (s *script) aboutOneClient(f lab.Family, count int) []classifytest.PTB {
	ptbs := s.aboutMany(f, count)
	for i := range ptbs {
		ptbs[i].Client, ptbs[i].Router = ptbs[0].Client, held(f, 99)
	}
	return ptbs
}

// send sends PTBs to a server at once.
func (s *script) send(server int, ptbs ...classifytest.PTB) {
	s.t.Helper()
	var frames [][]byte
	for _, p := range ptbs {
		frames = append(frames, labtest.FrameTo(s.t, s.Lab, server, p.Bytes()))
	}
	if err := labtest.Sender(s.t, s.Router, s.RouterInterface(server)).Send(frames); err != nil {
		s.t.Fatal(err)
	}
	if server == scrapedServer {
		s.wire += len(ptbs)
	} else {
		s.peer += len(ptbs)
	}
}

// sampled sends PTBs about flows that the scraped server owns: one that its kernel
// applies, one that says nothing new, and one that it ignores, for it quotes what
// was never sent.
func (s *script) sampled(f lab.Family) {
	s.t.Helper()
	flow := lab.Flow{VIP: netip.AddrPortFrom(s.VIP(f), 443), Client: netip.AddrPortFrom(s.ClientAddr(f, 0), 44500)}
	udp := ptbAbout(labtest.ConnectUDP(s.t, s.scraped(), flow))
	s.sample(udp)
	udp.MTU = 1450
	s.sample(udp)
	flow.Client = netip.AddrPortFrom(s.ClientAddr(f, 1), 44501)
	tcp := ptbAbout(labtest.AcceptTCP(s.t, s.Lab, scrapedServer, flow))
	tcp.Sequence += 1 << 30
	s.sample(tcp)
}

// sample sends a PTB and waits for what becomes of its flow.
func (s *script) sample(ptb classifytest.PTB) {
	s.t.Helper()
	s.send(peerServer, ptb)
	s.results++
	s.eventually("the sample is read", func(m map[string]float64) error {
		if n := sum(m, "ptbrelay_applied_total"); n != float64(s.results) {
			return fmt.Errorf("%v of %d results", n, s.results)
		}
		return nil
	})
}

// holdBack sends, after a change, one PTB of each family by both ways.
func (s *script) holdBack(change func()) {
	s.t.Helper()
	change()
	for _, f := range lab.Families() {
		s.send(scrapedServer, s.about(f, classifytest.PTB{}))
		s.send(peerServer, s.about(f, classifytest.PTB{}))
	}
	s.settle()
}

// settle waits until all that was sent is counted, to its end.
func (s *script) settle() {
	s.t.Helper()
	s.eventually("all is counted", func(m map[string]float64) error {
		got := make(map[string]float64)
		for _, f := range lab.Families() {
			for _, from := range []string{"wire", "peer"} {
				got[from] += m[fmt.Sprintf(`ptbrelay_received_total{family=%q,from=%q}`, f, from)]
				got["eligible"] += m[fmt.Sprintf(`ptbrelay_verdicts_total{family=%q,from=%q,verdict="eligible"}`, f, from)]
			}
		}
		ended := sum(m, "ptbrelay_outcomes_total") + sum(m, "ptbrelay_deliveries_total")
		if got["wire"] != float64(s.wire) || got["peer"] != float64(s.peer) || got["eligible"] != ended {
			return fmt.Errorf("%v, %v ended; sent by the wire %d, by peers %d", got, ended, s.wire, s.peer)
		}
		return nil
	})
}

// eventually polls the metrics of the scraped server.
func (s *script) eventually(what string, condition func(map[string]float64) error) {
	s.t.Helper()
	awaitMetrics(s.t, s.scraped(), 10*time.Second, what, condition)
}
