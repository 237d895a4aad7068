package check

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/labtest"
)

// load loads a base chain with one rule, in a table of its own.
func (s server) load(name string, c nftables.Chain, rule ...expr.Any) {
	s.t.Helper()
	s.must(s.Do(func() error {
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		c.Name, c.Table = "chain", conn.AddTable(&nftables.Table{Name: name, Family: nftables.TableFamilyINet})
		conn.AddRule(&nftables.Rule{Table: c.Table, Chain: conn.AddChain(&c), Exprs: rule})
		return conn.Flush()
	}))
}

// TestKernelECNMarks: marks that are made of ECN bits, and others, and routing rules
// that select by them.
func TestKernelECNMarks(t *testing.T) {
	output := nftables.Chain{Type: nftables.ChainTypeRoute, Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityMangle}
	input := nftables.Chain{Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityMangle}
	// of makes a mark of bits of the TOS byte, in IPv4.
	of := func(bits byte) []expr.Any {
		return []expr.Any{
			&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.NFPROTO_IPV4}},
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 1, Len: 1},
			&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 1, Mask: []byte{bits}, Xor: []byte{0}},
			&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: 1},
		}
	}
	const ect0 = 0x02
	mark := binary.NativeEndian.Uint32([]byte{0xb8 | ect0, 0, 0, 0})
	for name, c := range map[string]struct {
		chain  nftables.Chain
		bits   byte
		family int
		want   Severity
	}{
		"the whole byte":               {output, 0xff, netlink.FAMILY_V4, Warning},
		"DSCP":                         {output, 0xfc, netlink.FAMILY_V4, OK},
		"a rule of the other family's": {output, 0xff, netlink.FAMILY_V6, OK},
		"after packets are routed":     {input, 0xff, netlink.FAMILY_V4, OK},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			r := netlink.NewRule()
			r.Family, r.Priority, r.Table, r.Mark = c.family, 100, 1000, mark
			s.must(s.Handle().RuleAdd(r))
			s.expect("ecn-multipath", OK, "")
			s.load("marks", c.chain, of(c.bits)...)
			found := s.examine("ecn-multipath")
			if len(found) != 1 || found[0].Severity != c.want {
				t.Fatalf("%+v", found)
			}
			if c.want == Warning && (found[0].Subject != "ip rule 100" || !strings.Contains(found[0].Read, "; inet marks chain, rule 1 (handle ")) {
				t.Errorf("%+v", found)
			}
		})
	}
}

// TestKernelBroadcastFiltered: the rule that the check names drops copies, and nothing
// else of the check's matter.
func TestKernelBroadcastFiltered(t *testing.T) {
	const broadcast = 1 // PACKET_BROADCAST
	for name, match := range map[string][]expr.Any{
		"pkttype": {
			&expr.Meta{Key: expr.MetaKeyPKTTYPE, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{broadcast}},
		},
		"Ethernet address": {
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseLLHeader, Len: 6},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: allMACs[:]},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			v4, v6 := classifytest.PTB{Router: classifytest.Client4}, classifytest.PTB{Family: classify.IPv6}
			s.expectHeard(allMACs, v4, true)
			s.expect("broadcast-dropped", OK, "")
			labtest.Drop(t, s.Node, match)
			s.expectHeard(allMACs, v4, false)
			s.expectHeard(allMACs, v6, false)
			found := s.examine("broadcast-dropped")
			if len(found) != 1 || found[0].Severity != Error || !strings.HasPrefix(found[0].Subject, "inet firewall input, rule 1 ") ||
				!strings.Contains(found[0].Why, "(IPv4 and IPv6, by eth0)") {
				t.Errorf("%+v", found)
			}
			s.expect("icmp-filtered", OK, "")
			s.expect("conntrack-invalid-drop", OK, "")
		})
	}
}

// TestKernelNotracked: rules that have conntrack pass over UDP make a rule about invalid
// packets an error.
func TestKernelNotracked(t *testing.T) {
	s := newServer(t)
	labtest.Drop(t, s.Node, labtest.CTInvalid())
	warned := s.examine("conntrack-invalid-drop")
	if len(warned) != 1 || warned[0].Severity != Warning {
		t.Fatalf("before: %+v", warned)
	}
	udp := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_UDP}},
		&expr.Counter{}, &expr.Notrack{},
	}
	s.load("in", nftables.Chain{Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRaw}, udp...)
	if found := s.examine("conntrack-invalid-drop"); found[0] != warned[0] {
		t.Errorf("while it knows what leaves: %+v", found)
	}
	s.load("out", nftables.Chain{Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityRaw}, udp...)
	found := s.examine("conntrack-invalid-drop")
	if len(found) != 1 || found[0].Severity != Error || !strings.Contains(found[0].Read, "; inet in chain, rule 1 (handle ") ||
		!strings.Contains(found[0].Why, "pass over UDP of "+classifytest.VIP4.String()) {
		t.Errorf("%+v", found)
	}
}
