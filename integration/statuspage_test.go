package integration

import (
	"net/netip"
	"testing"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// silentPeer is in every group and nobody holds it; no peer takes more room.
const silentPeer = "[2001:db8:3:aaaa:bbbb:cccc:dddd:eeee]:7690"

// router4 sends the IPv4 PTBs. No address that the page may show begins with it.
var router4 = netip.MustParseAddr("198.51.100.99")

// The status page of a member that has received, refused, relayed and delivered, in
// a real browser.
func TestStatusPage(t *testing.T) {
	t.Parallel() // it waits more than it works
	b := startBrowser(t)
	s := startBrowsed(t)
	for _, c := range []struct {
		name string
		test func(*testing.T, browser, *browsed)
	}{
		{"numbers", testPageNumbers},
		{"private", testPagePrivate},
		{"without script", testPageWithoutScript},
		{"policy", testPagePolicy},
		{"colours", testPageColours},
		{"width", testPageWidth},
		{"accessible", testPageAccessible},
		{"refresh", testPageRefresh},
		{"states", testPageStates},
		{"stale", testPageStale}, // the last: counts begin anew
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, b, s) })
	}
}

// browsed is a group over udp whose first server is looked at.
type browsed struct {
	*lab.Lab
	server  *lab.Node
	relays  []*lab.Process
	args    []string // of the first server's daemon
	config  string   // its file
	url     string   // of its page
	packets []classifytest.PTB
}

const browsedConfig = everySecond + "interfaces: [enp193s0f1np1v7, enp193s0f1np1v8]\n"

func startBrowsed(t testing.TB) *browsed {
	t.Helper()
	s := &browsed{Lab: labtest.New(t, lab.Options{Shape: lab.ShapeRouted, Clients: 2}), config: writeConfig(t, browsedConfig)}
	s.server = s.Servers[0]
	s.learn(t)
	s.args = append(labtest.Peers(s.Lab, lab.IPv6), "--peer", silentPeer, "--config", s.config)
	for _, n := range s.Servers {
		labtest.WriteKeys(t, n, labtest.Key(0))
		s.relays = append(s.relays, labtest.StartUDPRelay(t, n, s.args...))
	}
	labtest.AwaitPeers(t, s.Lab)
	s.url = "http://" + carryHTTP(t, s.server) + "/"
	for _, f := range lab.Families() {
		await(t, s.server, exceptionsMetric(f), 1)
		s.fill(t, f)
	}
	return s
}

// learn has the first server's kernel know path MTUs before its daemon reads them.
func (s *browsed) learn(t testing.TB) {
	t.Helper()
	for _, f := range lab.Families() {
		socket := s.connect(t, f, 0)
		s.send(t, 0, ptbAbout(socket))
		socket.AwaitPathMTU(int(classifytest.MTU))
	}
}

// connect opens a socket of the first server's to a client, at a port of its own.
func (s *browsed) connect(t testing.TB, f lab.Family, client int) *labtest.Socket {
	t.Helper()
	port := uint16(44300 + client)
	return labtest.ConnectUDP(t, s.server, lab.Flow{
		VIP:    netip.AddrPortFrom(s.VIP(f), port),
		Client: netip.AddrPortFrom(s.ClientAddr(f, client), port),
	})
}

// send has the router give a PTB to a server, and remembers it.
func (s *browsed) send(t testing.TB, server int, p classifytest.PTB) {
	t.Helper()
	if p.Family == classify.IPv4 {
		p.Router = router4
	}
	s.packets = append(s.packets, p)
	labtest.FromRouter(t, s.Lab, server, p.Bytes())
}

// fill has the first server's daemon count PTBs of many verdicts and MTUs, and apply
// what a peer gives it.
func (s *browsed) fill(t testing.TB, f lab.Family) {
	t.Helper()
	about := ptbAbout(s.connect(t, f, 1))
	s.send(t, 1, about)
	tooSmall := classify.MTU(500)
	if f == lab.IPv6 {
		tooSmall = 1200
	}
	for v, packets := range map[classify.Verdict][]classifytest.PTB{
		classify.MTUTooSmall:    {{MTU: tooSmall}},
		classify.MTUTooLarge:    {{MTU: 1500}},
		classify.BadChecksum:    {{BreakChecksum: true}},
		classify.QuoteTruncated: {{QuoteCut: 4}},
		classify.Eligible:       {{MTU: 1280}, {MTU: 1280}, {MTU: 1400}, {MTU: 1420}, {MTU: 1420}, {MTU: 1420}, {MTU: 1492}},
	} {
		for _, p := range packets {
			p.Family, p.ClientPort = about.Family, uint16(44400+len(s.packets))
			s.send(t, 0, p)
		}
		await(t, s.server, verdictMetric(f.String(), v), float64(len(packets)))
	}
	await(t, s.server, appliedMetric(f, "applied"), 1)
}
