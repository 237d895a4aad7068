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
	for _, c := range []struct {
		name   string
		packet classifytest.PTB
	}{
		{"tcp4", classifytest.PTB{Upper: classify.TCP}},
		{"tcp6", classifytest.PTB{Family: classify.IPv6, Upper: classify.TCP}},
		{"echo4", classifytest.PTB{Type: new(uint8(8))}},
		{"echo6", classifytest.PTB{Family: classify.IPv6, Type: new(uint8(128))}},
	} {
		b.Run(c.name, func(b *testing.B) { s.bystanderCost(b, c.packet) })
	}
}

const (
	burst  = 1024 // packets that are sent and timed at once, about a millisecond
	bursts = 32   // to each of the two hosts, in turns
)

// bystanderCost sends the same packets in turns to a host with a table and to
// one without; then the two change roles, for no two paths cost the same. The
// floor is a table whose only chain has no rule.
func (s *summary) bystanderCost(b *testing.B, packet classifytest.PTB) {
	hosts := [2]*island{newIsland(b, "one", packet), newIsland(b, "other", packet)}
	var floor, ptbrelay difference
	for b.Loop() {
		for i, tabled := range hosts {
			bare := hosts[1-i]
			floor.measure(b, i, tabled, bare, emptyChain)
			ptbrelay.measure(b, i, tabled, bare, ptbrelayTable)
		}
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

func (d *difference) median() float64 { return (median(d.more[0]) + median(d.more[1])) / 2 }

// ptbrelayTable is ptbrelay's table with default settings.
func ptbrelayTable() (io.Closer, error) {
	return rules.Install(rules.Config{Group: 33, Guard: 100_000}, slog.Default())
}

// emptyChain is a chain at the same hook that looks at nothing.
func emptyChain() (io.Closer, error) {
	conn, err := nftables.New(nftables.AsLasting())
	if err != nil {
		return nil, err
	}
	t := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "empty"})
	conn.AddChain(&nftables.Chain{
		Table: t, Name: "prerouting", Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRaw,
	})
	return closer(func() error {
		conn.DelTable(t)
		return errors.Join(conn.Flush(), conn.CloseLasting())
	}), conn.Flush()
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
	to, from := labtest.MAC(b, n, "eth1"), labtest.MAC(b, n, "eth0")
	etherType := []byte{0x08, 0x00}
	if packet.Family == classify.IPv6 {
		etherType = []byte{0x86, 0xdd}
	}
	i.frames = slices.Repeat([][]byte{slices.Concat(to[:], from[:], etherType, packet.Bytes())}, burst)
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
