package firewall

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	nl "github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

const within = 5 * time.Second

// ground is a host that real PTBs come in to: what the packet filter does to them
// is the truth that a fate is held against.
type ground struct {
	t        testing.TB
	node     *lab.Node
	conn     *nftables.Conn
	sender   *lab.Sender
	index    int // of eth0
	sockets  []*net.UDPConn
	sent     uint64 // markers
	ethernet []byte // addresses of a frame to the host
}

// kinds are the PTBs that are sent.
var kinds = []PTB{{State: Related}, {State: Invalid}, {IPv6: true, State: Related}, {IPv6: true, State: Invalid}}

// The MTUs that PTBs report tell the kinds apart where they are counted.
const firstMTU = 1400

// The port of the client that the host sends to, so PTBs about it are related; and
// one that it does not.
const knownPort, strangePort = 50000, 50001

// batchBytes is room for what the kernel says of one batch of rules.
const batchBytes = 1 << 20

// markerProtocol is that of a packet whose arrival says that all before it are
// through (RFC 3692: for experiments).
const markerProtocol = 253

// newGround builds the host: VIPs on lo, eth0 with a router, conntrack at work.
func newGround(t testing.TB) *ground {
	t.Helper()
	g := &ground{t: t, node: labtest.Node(t, "host")}
	// It opens a socket for each batch, in the host's namespace, and reads what the
	// kernel says of a batch only when all is said.
	c, err := nftables.New(nftables.WithSockOptions(func(c *nl.Conn) error { return c.SetReadBuffer(batchBytes) }))
	g.must(err)
	g.conn = c
	g.wire()
	g.judge()
	g.sender = labtest.Sender(t, g.node, "wire")
	for _, vip := range []netip.Addr{classifytest.VIP4, classifytest.VIP6} {
		g.do(func() error {
			c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(vip, classifytest.VIPPort)))
			g.sockets = append(g.sockets, c)
			return err
		})
		c := g.sockets[len(g.sockets)-1]
		t.Cleanup(func() { g.must(c.Close()) })
	}
	// The kernel finishes IPv6 addresses in its own time.
	labtest.Eventually(t, within, "PTBs pass", func() error {
		if passed := g.send(); passed != [4]bool{true, true, true, true} {
			return fmt.Errorf("passed: %v", passed)
		}
		return nil
	})
	return g
}

func (g *ground) do(f func() error) {
	g.t.Helper()
	if err := g.node.Do(f); err != nil {
		g.t.Fatal(err)
	}
}

func (g *ground) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

// wire makes eth0, whose other end is there too, and the ways to the clients.
func (g *ground) wire() {
	h := g.node.Handle()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "eth0"
	g.must(h.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "wire"}))
	for _, name := range []string{"eth0", "wire"} {
		l, err := h.LinkByName(name)
		g.must(err)
		g.must(h.LinkSetUp(l))
	}
	lo, err := h.LinkByName("lo")
	g.must(err)
	eth0, err := h.LinkByName("eth0")
	g.must(err)
	g.index = eth0.Attrs().Index
	mac := eth0.Attrs().HardwareAddr
	router := net.HardwareAddr{2, 0, 0x5e, 0x10, 0, 1}
	g.ethernet = slices.Concat(mac, router)
	for _, f := range []struct{ vip, own, router, client netip.Addr }{
		{classifytest.VIP4, classifytest.Router4.Next(), classifytest.Router4, classifytest.Client4},
		{classifytest.VIP6, classifytest.Router6.Next(), classifytest.Router6, classifytest.Client6},
	} {
		g.address(lo, f.vip, f.vip.BitLen())
		g.address(eth0, f.own, f.own.BitLen())
		g.must(h.RouteAdd(&netlink.Route{LinkIndex: g.index, Dst: host(f.router), Scope: netlink.SCOPE_LINK}))
		g.must(h.RouteAdd(&netlink.Route{LinkIndex: g.index, Dst: host(f.client), Gw: f.router.AsSlice()}))
		g.must(h.NeighAdd(&netlink.Neigh{LinkIndex: g.index, IP: f.router.AsSlice(), HardwareAddr: router, State: unix.NUD_PERMANENT}))
	}
}

func host(a netip.Addr) *net.IPNet {
	return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())}
}

func (g *ground) address(l netlink.Link, a netip.Addr, bits int) {
	g.t.Helper()
	ip := &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(bits, a.BitLen())}
	g.must(g.node.Handle().AddrAdd(l, &netlink.Addr{IPNet: ip, Flags: unix.IFA_F_NODAD}))
}

// judgeTable counts markers before all rules and PTBs, by kind, behind all.
var judgeTable = &nftables.Table{Name: "judge", Family: nftables.TableFamilyINet}

func (g *ground) judge() {
	g.t.Helper()
	c := g.conn
	c.AddTable(judgeTable)
	first, last := nftables.ChainPriority(-2000), nftables.ChainPriority(2000)
	markers := c.AddChain(&nftables.Chain{Table: judgeTable, Name: "markers", Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookPrerouting, Priority: &first})
	c.AddRule(&nftables.Rule{Table: judgeTable, Chain: markers, Exprs: slices.Concat(
		eq(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, markerProtocol),
		[]expr.Any{&expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop}})})
	ptbs := c.AddChain(&nftables.Chain{Table: judgeTable, Name: "ptbs", Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookInput, Priority: &last})
	for i, p := range kinds {
		c.AddRule(&nftables.Rule{Table: judgeTable, Chain: ptbs, Exprs: append(reports(p.IPv6, firstMTU+i), &expr.Counter{})})
	}
	// Without a rule that asks for it, conntrack would not be at work.
	c.AddRule(&nftables.Rule{Table: judgeTable, Chain: ptbs, Exprs: labtest.CTInvalid()})
	g.do(c.Flush)
}

// unjudge takes the judge's table away, and what it counted.
func (g *ground) unjudge() {
	g.t.Helper()
	g.sent = 0
	g.conn.DelTable(judgeTable)
	g.do(g.conn.Flush)
}

// reports matches a PTB by the MTU that it reports.
func reports(ipv6 bool, mtu int) []expr.Any {
	if ipv6 {
		return slices.Concat(eq(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, unix.IPPROTO_ICMPV6),
			eq(&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 4, Len: 4}, binaryutil.BigEndian.PutUint32(uint32(mtu))...))
	}
	return slices.Concat(eq(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, unix.IPPROTO_ICMP),
		eq(&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 6, Len: 2}, binaryutil.BigEndian.PutUint16(uint16(mtu))...))
}

// eq matches where what is loaded into register 1 is the value.
func eq(load expr.Any, value ...byte) []expr.Any {
	return []expr.Any{load, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: value}}
}

// passed are how many PTBs of each kind have passed, and how many markers came.
func (g *ground) passed() (ptbs [4]uint64, markers uint64) {
	g.t.Helper()
	for i, rule := range g.judged("ptbs", len(kinds)) {
		ptbs[i] = packets(rule)
	}
	return ptbs, packets(g.judged("markers", 1)[0])
}

// judged are the first n rules of a chain of the judge's.
func (g *ground) judged(chain string, n int) []*nftables.Rule {
	g.t.Helper()
	var rules []*nftables.Rule
	g.do(func() (err error) {
		rules, err = g.conn.GetRules(judgeTable, &nftables.Chain{Name: chain, Table: judgeTable})
		return err
	})
	if len(rules) < n {
		g.t.Fatalf("%d rules in %s", len(rules), chain)
	}
	return rules[:n]
}

func packets(r *nftables.Rule) uint64 {
	for _, e := range r.Exprs {
		if c, ok := e.(*expr.Counter); ok {
			return c.Packets
		}
	}
	return 0
}

// send sends one PTB of each kind and waits until they are through; it returns which
// passed.
func (g *ground) send() (passed [4]bool) {
	g.t.Helper()
	for i, client := range []netip.Addr{classifytest.Client4, classifytest.Client6} {
		// An IPv6 address that is not finished cannot send: its PTBs are not related.
		_, _ = g.sockets[i].WriteToUDPAddrPort([]byte{1}, netip.AddrPortFrom(client, knownPort))
	}
	before, _ := g.passed()
	g.must(g.sender.Send(g.frames()))
	g.sent++
	labtest.Eventually(g.t, within, "the marker arrives", func() error {
		if _, came := g.passed(); came < g.sent {
			return fmt.Errorf("%d of %d came", came, g.sent)
		}
		return nil
	})
	after, _ := g.passed()
	for i := range passed {
		passed[i] = after[i] > before[i]
	}
	return passed
}

// frames are one PTB of each kind and a marker.
func (g *ground) frames() (frames [][]byte) {
	for i, p := range kinds {
		ptb := classifytest.PTB{Protocol: classify.UDP, ClientPort: knownPort, MTU: classify.MTU(firstMTU + i)}
		etherType := []byte{0x08, 0x00}
		if p.IPv6 {
			ptb.Family, etherType = classify.IPv6, []byte{0x86, 0xdd}
		}
		if p.State == Invalid {
			ptb.ClientPort = strangePort
		}
		frames = append(frames, slices.Concat(g.ethernet, etherType, ptb.Bytes()))
	}
	marker := classifytest.PTB{Upper: markerProtocol}
	return append(frames, slices.Concat(g.ethernet, []byte{0x08, 0x00}, marker.Bytes()))
}

// read is Read on the host.
func (g *ground) read() (r Ruleset) {
	g.t.Helper()
	g.do(func() (err error) {
		r, err = Read()
		return err
	})
	return r
}

// check holds the fates of all kinds of PTBs, with the interface known and not,
// against what becomes of real ones. It returns how many are certain.
func (g *ground) check(t interface {
	Helper()
	Errorf(string, ...any)
}) (certain int) {
	t.Helper()
	r := g.read()
	for i, passed := range g.send() {
		for _, in := range []string{"", "eth0"} {
			p := kinds[i]
			p.Interface, p.Index = in, 0
			if in != "" {
				p.Index = g.index
			}
			o := r.Fate(p)
			if o.Fate != MayDrop {
				certain++
			}
			if o.Fate == Passes && !passed || o.Fate == Drops && passed {
				t.Errorf("%+v: %s; in truth passed is %v", p, describe(o), passed)
			}
		}
	}
	return certain
}
