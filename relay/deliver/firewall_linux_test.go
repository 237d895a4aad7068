package deliver

import (
	"testing"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"ptbrelay/classify"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/outcome"
)

// ctInvalid is "ct state invalid", icmp and icmpv6 are "meta l4proto" of each.
var (
	ctInvalid = labtest.CTInvalid()
	icmp      = protocolIs(unix.IPPROTO_ICMP)
	icmpv6    = protocolIs(unix.IPPROTO_ICMPV6)
)

func protocolIs(p byte) []expr.Any {
	return []expr.Any{
		&expr.Meta{Register: 1, Key: expr.MetaKeyL4PROTO},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{p}},
	}
}

// blocks drops what matches on input.
func (s *site) blocks(matches ...[]expr.Any) {
	s.t.Helper()
	labtest.Drop(s.t, s.server, matches...)
}

// blocked is how many packets that has dropped.
func (s *site) blocked() uint64 {
	s.t.Helper()
	return labtest.Dropped(s.t, s.server)
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
