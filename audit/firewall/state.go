package firewall

// state is what of a packet rules may change, joined over all ways that it may
// have come. The zero state: no way leads here.
type state struct {
	reached bool
	track   track
	// mark of which the bits in markKnown are known.
	mark, markKnown uint32
	// tos is the TOS byte, in IPv6 the traffic class.
	tos octet
	// rewritten: a rule may have changed the packet's headers otherwise.
	rewritten bool
}

// track is a set of what conntrack may have made of a packet.
type track uint8

const (
	// fresh: conntrack has not seen it; rules find it invalid.
	fresh track = 1 << iota
	related
	established
	invalid
	untracked
)

func (s State) track() track {
	switch s {
	case Related:
		return related
	case Invalid:
		return invalid
	case Untracked:
	}
	return untracked
}

// each calls f for every member.
func (t track) each(f func(track)) {
	for one := fresh; one <= untracked; one <<= 1 {
		if t&one != 0 {
			f(one)
		}
	}
}

// The bits of ct state (enum nft_ct_keys: NF_CT_STATE_*_BIT).
const (
	ctInvalid     = 1 << 0
	ctEstablished = 1 << 1
	ctRelated     = 1 << 2
	ctNew         = 1 << 3
	ctUntracked   = 1 << 6
)

// bits is the ct state of a set with one member (nft_ct_get_eval in
// net/netfilter/nft_ct.c).
func (t track) bits() uint32 {
	switch t {
	case related:
		return ctRelated
	case established:
		return ctEstablished
	case untracked:
		return ctUntracked
	case fresh, invalid:
	}
	return ctInvalid
}

// connection reports whether the packet belongs to one.
func (t track) connection() match {
	if t.connected() == 0 {
		return no
	}
	if t.connected() == t {
		return yes
	}
	return maybe
}

// connected are those members.
func (t track) connected() track { return t & (related | established) }

// notrack has conntrack pass over the packet, unless it belongs to a connection
// already (nft_notrack_eval in net/netfilter/nft_ct.c).
func (s *state) notrack() {
	if s.track.connected() != s.track {
		s.track = s.track.connected() | untracked
	}
}

// join keeps what holds whichever way the packet came.
func (s state) join(o state) state {
	switch {
	case !o.reached:
		return s
	case !s.reached:
		return o
	}
	known := s.markKnown & o.markKnown &^ (s.mark ^ o.mark)
	return state{
		reached: true, track: s.track | o.track,
		mark: s.mark & known, markKnown: known,
		tos:       s.tos.join(o.tos),
		rewritten: s.rewritten || o.rewritten,
	}
}
