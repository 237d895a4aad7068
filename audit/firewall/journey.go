package firewall

// journey is a packet on its way through the base chains.
type journey struct {
	walk
	ptb PTB
	// ways are the states that it may be in, told apart by what conntrack made of
	// it: a rule that depends on that is sure in each. None: it was dropped.
	ways        []state
	tracked     bool
	first, last *site // where it may be dropped
}

func newJourney(p PTB, e entrance) *journey {
	return &journey{
		walk: walk{packet: packet{p.IPv6, e}, seen: make(map[visit]ends)},
		ptb:  p,
		ways: []state{{reached: true, track: fresh, markKnown: ^uint32(0)}},
	}
}

func (j *journey) travel(bases []*chain) {
	for _, c := range bases {
		if m := c.base.meets(j.packet.entrance); m != no && c.table.meets(j.ptb.IPv6) {
			j.meet(c, m)
		}
	}
}

// meet takes the packet through a base chain, that it meets for sure or perhaps.
func (j *journey) meet(c *chain, m match) {
	j.pastConntrack(c.base)
	var left ends
	for _, s := range j.ways {
		e := j.base(c, s)
		if m != yes {
			e.accept = e.accept.join(s)
		}
		left.add(e)
	}
	j.ways = split(left.accept)
	if j.first == nil {
		j.first = left.first
	}
	if left.last != nil {
		j.last = left.last
	}
}

// pastConntrack has conntrack look at the packet where it comes before the chain.
func (j *journey) pastConntrack(b *base) {
	yes, sure := b.tracked()
	if j.tracked || sure && !yes {
		return
	}
	j.tracked = sure
	var all state
	for _, s := range j.ways {
		after := s
		if s.track&fresh != 0 {
			after.track = s.track&^fresh | j.ptb.State.track()
		}
		if all = all.join(after); !sure {
			all = all.join(s)
		}
	}
	j.ways = split(all)
}

// split is one state for each that conntrack may have made.
func split(s state) (ways []state) {
	if !s.reached {
		return nil
	}
	s.track.each(func(t track) {
		s.track = t
		ways = append(ways, s)
	})
	return ways
}
