package firewall

// exthdr asks for an extension header or option, of which a PTB has none, and of
// another packet it is not known
// (nft_exthdr_ipv6_eval and others in net/netfilter/nft_exthdr.c).
type exthdr struct {
	register int
	// exists asks whether there is one, instead of ending the rule where not.
	exists bool
	// ofIPv4, ofIPv6: of packets of that version only.
	ofIPv4, ofIPv6 bool
}

func (x exthdr) eval(r *run) match {
	if r.segment != nil {
		r.put(x.register, unknown(registerBytes-x.register))
		return maybe
	}
	if !x.exists || x.ofIPv4 && r.ipv6 || x.ofIPv6 && !r.ipv6 {
		return no
	}
	r.put(x.register, constant(0))
	return yes
}

func (x exthdr) tell(s *speech) string {
	s.name(x.register, field{name: "exthdr …", bytes: 1, show: showHex})
	return ""
}
