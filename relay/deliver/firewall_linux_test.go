package deliver

import (
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"ptbrelay/classify"
	"ptbrelay/relay/outcome"
)

const ctStateInvalid = 1 // NF_CT_STATE_INVALID_BIT

// ctInvalid is "ct state invalid", icmp and icmpv6 are "meta l4proto" of each.
var (
	ctInvalid = []expr.Any{
		&expr.Ct{Register: 1, Key: expr.CtKeySTATE},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(ctStateInvalid), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
	icmp   = protocolIs(unix.IPPROTO_ICMP)
	icmpv6 = protocolIs(unix.IPPROTO_ICMPV6)
)

func protocolIs(p byte) []expr.Any {
	return []expr.Any{
		&expr.Meta{Register: 1, Key: expr.MetaKeyL4PROTO},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{p}},
	}
}

var firewall = &nftables.Table{Name: "firewall", Family: nftables.TableFamilyINet}

// blocks loads "MATCH counter drop" on input, for each match.
func (s *site) blocks(matches ...[]expr.Any) {
	s.t.Helper()
	must(s.t, s.server.Do(func() error {
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		conn.AddTable(firewall)
		input := conn.AddChain(&nftables.Chain{
			Name: "input", Table: firewall, Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter,
		})
		for _, match := range matches {
			drop := []expr.Any{&expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop}}
			conn.AddRule(&nftables.Rule{Table: firewall, Chain: input, Exprs: append(match, drop...)})
		}
		return conn.Flush()
	}))
}

// blocked is how many packets the rules have dropped.
func (s *site) blocked() (packets uint64) {
	s.t.Helper()
	must(s.t, s.server.Do(func() error {
		conn, err := nftables.New()
		if err != nil {
			return err
		}
		rules, err := conn.GetRules(firewall, &nftables.Chain{Name: "input", Table: firewall})
		for _, r := range rules {
			for _, e := range r.Exprs {
				if c, ok := e.(*expr.Counter); ok {
					packets += c.Packets
				}
			}
		}
		return err
	}))
	return packets
}

// What is injected keeps its destination, so conntrack calls it related to the
// flow, and a firewall that drops what is invalid lets it pass.
func TestInvalidDropped(t *testing.T) {
	for _, p := range placements {
		t.Run(p.String(), func(t *testing.T) {
			s := newSite(t, p)
			s.blocks(ctInvalid)
			r := receive(t, s.server, settings())
			for _, f := range families {
				for _, protocol := range []classify.Protocol{classify.TCP, classify.UDP} {
					o := s.connects(protocol, f)
					if protocol == classify.UDP {
						_, err := unix.Write(o.fd, []byte("seen by conntrack"))
						must(t, err)
					}
					before := s.blocked()
					r.checkGets(o.ptb(), outcome.Injected)
					o.awaitMTU()
					if n := s.blocked() - before; n != 0 {
						t.Errorf("%v: %d packets were dropped", o.flow, n)
					}
				}
				// The rule is at work.
				before := s.blocked()
				r.checkGets(ptb(s.flow(classify.UDP, f), 0), outcome.Injected)
				if n := s.blocked() - before; n != 1 {
					t.Errorf("%v: %d PTBs about an unknown flow were dropped, want 1", f, n)
				}
			}
		})
	}
}
