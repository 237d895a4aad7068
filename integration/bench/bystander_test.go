package bench

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/rules"
)

// bystander is what the table costs a packet that is no PTB, with what the table
// looks at: TCP, and ICMP messages of another type.
func (s *summary) bystander(b *testing.B) {
	eachBystander(b, s.bystanderCost)
}

// BenchmarkBystanderSteps tells what of that each expression of the two rules
// costs that any packet meets: chains of more and more of them, in turns.
func BenchmarkBystanderSteps(b *testing.B) {
	eachBystander(b, func(b *testing.B, packet classifytest.PTB) {
		hosts := newIslands(b, packet)
		steps := steps()
		for b.Loop() {
			for i := range steps {
				steps[i].cost.compare(b, hosts, steps[i].install)
			}
		}
		b.ReportMetric(0, "ns/op")
		for _, step := range steps {
			low, middle, high := step.cost.quartiles()
			b.Logf("%-28s %5.1f ns, half of the bursts %.1f to %.1f", step.name, middle, low, high)
		}
	})
}

func eachBystander(b *testing.B, f func(*testing.B, classifytest.PTB)) {
	clientPort := new(uint8(0xc0)) // TCP has the source port where ICMP has the type
	for _, c := range []struct {
		name   string
		packet classifytest.PTB
	}{
		{"tcp4", classifytest.PTB{Upper: classify.TCP, Type: clientPort}},
		{"tcp6", classifytest.PTB{Family: classify.IPv6, Upper: classify.TCP, Type: clientPort}},
		{"echo4", classifytest.PTB{Type: new(uint8(8))}},
		{"echo6", classifytest.PTB{Family: classify.IPv6, Type: new(uint8(128))}},
	} {
		b.Run(c.name, func(b *testing.B) { f(b, c.packet) })
	}
}

// step is a chain, and what it costs.
type step struct {
	name    string
	install func() (io.Closer, error)
	cost    difference
}

// steps are chains that look at what ptbrelay's looks at, one thing more each.
func steps() []step {
	first := func(size uint32) expr.Any {
		return &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Len: size}
	}
	is := func(value ...byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: value} }
	code := []expr.Any{first(2), is(3, 4)}
	kind := []expr.Any{first(1), is(2)}
	return []step{
		{name: "no rule", install: chain()},
		{name: "ICMP's type and code loaded", install: chain(code[:1])},
		{name: "and compared", install: chain(code)},
		{name: "ICMPv6's type loaded", install: chain(code, kind[:1])},
		{name: "and compared", install: chain(code, kind)},
		{name: "ptbrelay's table", install: ptbrelayTable},
		{name: "with a sample of SYNs", install: sampling},
	}
}

const (
	// burst is so many packets as one system call takes: about 0.15 ms, so what
	// disturbs the machine disturbs few of them.
	burst  = 64
	bursts = 512 // to each of the two hosts, in turns
)

// bystanderCost sends the same packets in turns to a host with a table and to
// one without; then the two change roles, for no two paths cost the same. The
// floor is a table whose only chain has no rule.
func (s *summary) bystanderCost(b *testing.B, packet classifytest.PTB) {
	hosts := newIslands(b, packet)
	var floor, ptbrelay difference
	for b.Loop() {
		floor.compare(b, hosts, chain())
		ptbrelay.compare(b, hosts, ptbrelayTable)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(ptbrelay.bare), "path-ns/packet")
	s.add(b, "ns/packet", "floor + 50", floor.median(), ptbrelay.median())
}

// difference is what a table adds to a packet's way, in nanoseconds.
type difference struct {
	bare []float64    // the whole way without it
	more [2][]float64 // the rest of the way with it, by the host that has it
}

// compare measures either host once with what install makes and once without.
func (d *difference) compare(b *testing.B, hosts [2]*island, install func() (io.Closer, error)) {
	b.Helper()
	for i, tabled := range hosts {
		d.measure(b, i, tabled, hosts[1-i], install)
	}
}

// measure has install make the table, and close what it returns when done.
func (d *difference) measure(b *testing.B, which int, tabled, bare *island, install func() (io.Closer, error)) {
	b.Helper()
	var table io.Closer
	err := tabled.node.Do(func() (err error) {
		table, err = install()
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	for range bursts {
		without := bare.send(b)
		d.bare = append(d.bare, without)
		d.more[which] = append(d.more[which], tabled.send(b)-without)
	}
	if err := table.Close(); err != nil {
		b.Fatal(err)
	}
}

func (d *difference) median() float64 {
	_, middle, _ := d.quartiles()
	return middle
}

// quartiles are the means of either host's.
func (d *difference) quartiles() (low, middle, high float64) {
	for _, host := range d.more {
		slices.Sort(host)
		low += host[len(host)/4] / 2
		middle += median(host) / 2
		high += host[len(host)*3/4] / 2
	}
	return low, middle, high
}

// ptbrelayTable is ptbrelay's table with default settings.
func ptbrelayTable() (io.Closer, error) {
	return rules.Install(rules.Config{Group: 33, Guard: 100_000}, slog.Default())
}

// sampling is the table with audit.mss.
func sampling() (io.Closer, error) {
	return rules.Install(rules.Config{Group: 33, Guard: 100_000, MSS: true}, slog.Default())
}

// chain makes a chain at the same hook with these rules.
func chain(rules ...[]expr.Any) func() (io.Closer, error) {
	return func() (io.Closer, error) {
		conn, err := nftables.New(nftables.AsLasting())
		if err != nil {
			return nil, err
		}
		t := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "steps"})
		c := conn.AddChain(&nftables.Chain{
			Table: t, Name: "prerouting", Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRaw,
		})
		for _, exprs := range rules {
			conn.AddRule(&nftables.Rule{Table: t, Chain: c, Exprs: exprs})
		}
		return closer(func() error {
			conn.DelTable(t)
			return errors.Join(conn.Flush(), conn.CloseLasting())
		}), conn.Flush()
	}
}

type closer func() error

func (c closer) Close() error { return c() }

// island is a host with a cable to itself. What is sent on eth0 comes in at
// eth1, and since it is for somebody else and the host forwards nothing, it is
// dropped right after the rules, in silence. The sender's thread carries each
// packet that far before it returns, so its time is theirs.
type island struct {
	node   *lab.Node
	sender *lab.Sender
	frames [][]byte
}

func newIslands(b *testing.B, packet classifytest.PTB) [2]*island {
	return [2]*island{newIsland(b, "one", packet), newIsland(b, "other", packet)}
}

func newIsland(b *testing.B, name string, packet classifytest.PTB) *island {
	b.Helper()
	n := labtest.Node(b, name)
	check := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "eth0"
	check(n.Handle().LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "eth1"}))
	for _, name := range []string{"eth1", "eth0"} {
		link, err := n.Handle().LinkByName(name)
		check(err)
		check(n.Handle().LinkSetUp(link))
		// Without a route the host would answer.
		everywhere := &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}
		check(n.Handle().RouteReplace(&netlink.Route{Dst: everywhere, LinkIndex: link.Attrs().Index}))
	}
	i := &island{node: n, sender: labtest.Sender(b, n, "eth0")}
	frame := labtest.Ethernet(labtest.MAC(b, n, "eth1"), labtest.MAC(b, n, "eth0"), packet.Bytes())
	i.frames = slices.Repeat([][]byte{frame}, burst)
	return i
}

// send sends a burst and returns what a packet took, in nanoseconds.
func (i *island) send(b *testing.B) float64 {
	b.Helper()
	start := time.Now()
	if err := i.sender.Send(i.frames); err != nil {
		b.Fatal(err)
	}
	return float64(time.Since(start).Nanoseconds()) / burst
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
