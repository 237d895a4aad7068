package firewall

import (
	"encoding/binary"
	"net/netip"
)

// Service is what connections of this host have in common.
type Service struct {
	VIP  netip.Prefix
	UDP  bool   // false: TCP
	Port uint16 // of the VIP; 0: any
}

// Notrack is whether rules have conntrack pass over the packets of a service, those
// that come in and those that leave, so that it knows none of its connections. The one
// that is named is about packets that come in.
func (r Ruleset) Notrack(s Service) Deed {
	ipv6 := s.VIP.Addr().Is6()
	p := packet{ipv6: ipv6, entrance: anywhere()}
	in, out := s.packets()
	p.segment = &in
	arriving := newJourney(p, established, state{})
	arriving.travel(r.between(stageIngress, stagePrerouting))
	p.segment = &out
	leaving := newJourney(p, established, state{})
	leaving.travel(r.between(stageOutput, stageOutput))
	switch arriving.untracked().and(leaving.untracked()) {
	case yes:
		return arriving.trace.notracked.deed(Surely)
	case maybe:
		return arriving.trace.notracked.deed(Perhaps)
	case no:
	}
	return r.legacyDeed(ipv6, "raw")
}

// packets are one that comes in and one that leaves.
func (s Service) packets() (in, out segment) {
	p := segment{protocol: protocolTCP}
	if s.UDP {
		p.protocol = protocolUDP
	}
	in, out = p, p
	in.destination = prefixWord(s.VIP)
	out.source = in.destination
	if s.Port != 0 {
		port := constant(binary.BigEndian.AppendUint16(nil, s.Port)...)
		in.ports = append(unknown(2), port...)
		out.ports = append(port, unknown(2)...)
	}
	return in, out
}

// prefixWord is an address in a prefix.
func prefixWord(p netip.Prefix) word {
	w := constant(p.Masked().Addr().AsSlice()...)
	for i := range w {
		w[i].known = ^byte(0xff >> min(max(p.Bits()-8*i, 0), 8))
	}
	return w
}

// untracked reports whether conntrack has been told to pass over the packet, on all
// ways that it may have come.
func (j *journey) untracked() match {
	made := join(j.ways).track
	switch {
	case made&untracked == 0:
		return no
	case made == untracked:
		return yes
	}
	return maybe
}
