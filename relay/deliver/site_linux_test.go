package deliver

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/admit"
	"ptbrelay/relay/outcome"
)

// within is when an effect must be there.
const within = 5 * time.Second

const port = 443

// reported is the next-hop MTU of PTBs, below that of every link.
const reported classify.MTU = 1400

var (
	families   = []classify.Family{classify.IPv4, classify.IPv6}
	placements = []lab.Placement{lab.VIPOnLoopback, lab.VIPAnyIP, lab.VIPOnInterface}
	peer       = netip.MustParseAddr("198.51.100.200")
)

// site is one server behind routers, with strict reverse path checks, whose
// connections to the client meet no small MTU.
type site struct {
	*lab.Lab
	server *lab.Node
	t      testing.TB
	client atomic.Uint32 // ports used so far
}

func newSite(t testing.TB, p lab.Placement) *site {
	t.Helper()
	l := labtest.New(t, lab.Options{Servers: 1, Clients: 4, PathMTU: 1500, VIPs: p, RPFilter: 1})
	return &site{Lab: l, server: l.Servers[0], t: t}
}

// labFamily is the lab's name of a family.
func labFamily(f classify.Family) lab.Family {
	if f == classify.IPv4 {
		return lab.IPv4
	}
	return lab.IPv6
}

// vip is the service address of a family.
func (s *site) vip(f classify.Family) netip.Addr { return s.VIP(labFamily(f)) }

// clientPort is the first client's address with a port not used before.
func (s *site) clientPort(f classify.Family) netip.AddrPort {
	return netip.AddrPortFrom(s.ClientAddr(labFamily(f), 0), uint16(20000+s.client.Add(1)))
}

// flow is one that no socket has.
func (s *site) flow(p classify.Protocol, f classify.Family) classify.Flow {
	return classify.MakeFlow(p, netip.AddrPortFrom(s.vip(f), port), s.clientPort(f))
}

// ptb is the PTB about a flow.
func ptb(flow classify.Flow, sequence uint32) []byte {
	p := classifytest.PTB{
		Family: classify.IPv4, VIP: flow.VIP(), Client: flow.Client(), Protocol: flow.Protocol(),
		VIPPort: flow.VIPPort(), ClientPort: flow.ClientPort(), MTU: reported, Sequence: sequence,
	}
	if flow.VIP().Is6() {
		p.Family = classify.IPv6
	}
	return p.Bytes()
}

// settings are without limits that a test could meet.
func settings() Settings {
	return Settings{
		Policy: classify.Policy{
			Protocols: classify.Protocols(classify.TCP, classify.UDP, classify.SCTP),
			VIPs:      classify.Prefixes(netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")),
			MinMTU4:   576, MinMTU6: 1280, MaxMTU: 1500,
		},
		Limits: admit.IntakeLimits{Peer: admit.PerSecond(1e8, 1e8), Deliver: admit.PerSecond(1e8, 1e8)},
	}
}

// told is a Watcher that remembers the last that it was told.
type told struct {
	mu       sync.Mutex
	peer     netip.Addr
	flow     classify.Flow
	verdict  classify.Verdict
	delivery outcome.Delivery
	count    int
}

func (w *told) Delivered(peer netip.Addr, m *classify.Message, v classify.Verdict, d outcome.Delivery) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.peer, w.flow, w.verdict, w.delivery = peer, m.Flow, v, d
	w.count++
}

// receiver is a Deliver on a node and what its watcher was told.
type receiver struct {
	*Deliver
	told *told
	t    testing.TB
}

func receive(t testing.TB, n *lab.Node, s Settings) *receiver {
	t.Helper()
	r := &receiver{told: new(told), t: t}
	must(t, n.Do(func() (err error) {
		r.Deliver, err = New(s, r.told)
		return err
	}))
	t.Cleanup(func() { must(t, r.Close()) })
	return r
}

// runs reads what became of samples until the test ends.
func (r *receiver) runs() {
	done := make(chan struct{})
	ctx := r.t.Context()
	go func() {
		defer close(done)
		_ = r.Run(ctx)
	}()
	r.t.Cleanup(func() { <-done })
}

// gets has a peer send a packet and returns what the watcher was told became of
// it.
func (r *receiver) gets(from netip.Addr, packet []byte) outcome.Delivery {
	r.t.Helper()
	r.Handle(from, true, packet)
	if r.told.verdict != classify.Eligible {
		r.t.Fatalf("verdict %v", r.told.verdict)
	}
	return r.told.delivery
}

// checkGets fails the test unless that is what became of it.
func (r *receiver) checkGets(packet []byte, want outcome.Delivery) {
	r.t.Helper()
	if got := r.gets(peer, packet); got != want {
		r.t.Errorf("the packet was %v, want %v", got, want)
	}
}

// checkLaws holds the counts against each other.
func (r *receiver) checkLaws() {
	r.t.Helper()
	s, all := r.Stats(), uint64(0)
	for f := range s.Received {
		if got := sum(s.Verdicts[f][:]); got != s.Received[f] {
			r.t.Errorf("%v: %d verdicts of %d received", classify.Family(f), got, s.Received[f])
		}
		if got := sum(s.Deliveries[f][:]); got != s.Verdicts[f][classify.Eligible] {
			r.t.Errorf("%v: %d deliveries of %d eligible", classify.Family(f), got, s.Verdicts[f][classify.Eligible])
		}
		all += s.Received[f]
	}
	if all != uint64(r.told.count) {
		r.t.Errorf("%d received, the watcher was told of %d", all, r.told.count)
	}
}

func sum(counts []uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// awaitResults waits until the samples of a family have come to these results.
func (r *receiver) awaitResults(f classify.Family, want [NumResults]uint64) {
	r.t.Helper()
	labtest.Eventually(r.t, within, "results of "+f.String(), func() error {
		if got := r.Stats().Applied[f]; got != want {
			return fmt.Errorf("%d of applied, unchanged, ignored, unknown; want %d", got, want)
		}
		return nil
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// holds gives lo of the server addresses, which are local then.
func (s *site) holds(addresses ...netip.Addr) {
	s.t.Helper()
	labtest.HoldAddresses(s.t, s.server, addresses...)
}

// drops takes addresses from lo of the server.
func (s *site) drops(addresses ...netip.Addr) {
	s.t.Helper()
	for _, a := range addresses {
		must(s.t, s.server.Handle().AddrDel(s.link("lo"), addr(a)))
	}
}

func addr(a netip.Addr) *netlink.Addr {
	return &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())}, Flags: unix.IFA_F_NODAD}
}

func (s *site) link(name string) netlink.Link {
	s.t.Helper()
	l, err := s.server.Handle().LinkByName(name)
	must(s.t, err)
	return l
}

// withdraw makes the VIP of a family no address of the server any more.
func (s *site) withdraw(f classify.Family) {
	s.t.Helper()
	labtest.WithdrawVIPs(s.t, s.Lab, 0, labFamily(f))
}
