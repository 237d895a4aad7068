package firewall

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/classify/classifytest"
)

// raw are the rules of two chains before conntrack's, of packets that come in and of
// those that leave.
func (g markGround) raw(in, out []expr.Any) {
	g.t.Helper()
	for i, rule := range [][]expr.Any{in, out} {
		hook := []*nftables.ChainHook{nftables.ChainHookPrerouting, nftables.ChainHookOutput}[i]
		name := []string{"raw-in", "raw-out"}[i]
		if rule != nil {
			hooked{nftables.TableFamilyINet, hook, -300, false, [][]expr.Any{rule}, nil}.load(g.conn, name)
		}
	}
}

func notracks(matches ...[]expr.Any) []expr.Any {
	return append(slices.Concat(matches...), &expr.Counter{}, &expr.Notrack{})
}

func protocolIs(p byte) []expr.Any { return eq(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, p) }

func portIs(offset uint32, port uint16) []expr.Any {
	return eq(&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: 2}, byte(port>>8), byte(port))
}

// Where conntrack is told to pass over both directions of the UDP connection, and only
// there, it calls the owner's PTBs invalid, which a rule drops.
func TestNotrackGround(t *testing.T) {
	const source, destination = 0, 2 // offsets of ports
	udp := protocolIs(unix.IPPROTO_UDP)
	addressed := func(offset uint32, a netip.Addr) []expr.Any {
		return append(eq(&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, unix.NFPROTO_IPV4),
			eq(&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: 4}, a.AsSlice()...)...)
	}
	for _, c := range []struct {
		name    string
		in, out []expr.Any
		want    Likelihood // of UDP and the VIP's port, in IPv4
		any     Likelihood // of any port
		tcp     Likelihood
		dies    bool
	}{
		{"nothing", nil, nil, Never, Never, Never, false},
		{"both ways", notracks(udp), notracks(udp), Surely, Surely, Never, true},
		{"in", notracks(udp), nil, Never, Never, Never, false},
		{"out", nil, notracks(udp), Never, Never, Never, false},
		{"by port", notracks(udp, portIs(destination, classifytest.VIPPort)), notracks(udp, portIs(source, classifytest.VIPPort)), Surely, Perhaps, Never, true},
		{"by another port", notracks(udp, portIs(destination, 53)), notracks(udp, portIs(source, 53)), Never, Perhaps, Never, false},
		{"by the client's port", notracks(udp, portIs(source, knownPort)), notracks(udp, portIs(destination, knownPort)), Perhaps, Perhaps, Never, true},
		{"by address", notracks(udp, addressed(16, classifytest.VIP4)), notracks(udp, addressed(12, classifytest.VIP4)), Surely, Surely, Never, true},
		{"by another address", notracks(udp, addressed(16, classifytest.Router4)), notracks(udp, addressed(12, classifytest.Router4)), Never, Never, Never, false},
		{"but ICMP", notracks(butICMP()), notracks(butICMP()), Surely, Surely, Surely, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newMarkGround(t)
			g.raw(c.in, c.out)
			hooked{nftables.TableFamilyINet, nftables.ChainHookInput, 0, false, [][]expr.Any{then(expr.VerdictDrop, states(ctInvalid))}, nil}.load(g.conn, "filter")
			g.do(g.conn.Flush)
			g.do(func() error { return netlink.ConntrackTableFlush(netlink.ConntrackTable) })
			g.sendAll()
			r, vip := g.read(), netip.PrefixFrom(classifytest.VIP4, 32)
			for _, s := range []struct {
				service Service
				want    Likelihood
			}{
				{Service{vip, true, classifytest.VIPPort}, c.want},
				{Service{vip, true, 0}, c.any},
				{Service{vip, false, classifytest.VIPPort}, c.tcp},
			} {
				if d := r.Notrack(s.service); d.Likelihood != s.want || (d.Likelihood == Never) != (d.Rule == "") {
					t.Errorf("%+v: %s", s.service, describeDeed(d))
				}
			}
			if passed := g.send(); passed[0] == c.dies {
				t.Errorf("the owner's PTB passed: %v", passed[0])
			}
		})
	}
}

func butICMP() []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, &expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: []byte{unix.IPPROTO_ICMP}}}
}

// The rule that is named is the one of what comes in.
func TestNotrackRule(t *testing.T) {
	r, err := read(tapes(t)["menagerie"])
	if err != nil {
		t.Fatal(err)
	}
	if d := r.Notrack(Service{netip.MustParsePrefix("192.0.2.0/24"), true, 0}); d != (Deed{}) {
		t.Errorf("what comes in only: %+v", d)
	}
}
