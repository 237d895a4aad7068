package firewall

// journey is a packet on its way through the base chains.
type journey struct {
	walk
	// made is what conntrack makes of it.
	made track
	// ways are the states that it may be in, told apart by what conntrack made of
	// it: a rule that depends on that is sure in each. None: it was dropped.
	ways        []state
	tracked     bool
	first, last *site // where it may be dropped
}

// newJourney begins one; what conntrack knows of the packet is not in s.
func newJourney(p packet, made track, s state) *journey {
	s.reached, s.track = true, fresh
	return &journey{
		walk: walk{packet: p, seen: make(map[visit]ends)},
		made: made,
		ways: []state{s},
	}
}

func (j *journey) travel(bases []*chain) {
	var group []encounter
	for _, c := range bases {
		m := c.base.meets(j.packet)
		if m == no || !c.table.meets(j.packet.ipv6) {
			continue
		}
		if len(group) > 0 && !group[0].chain.base.together(c.base) {
			j.meet(group)
			group = nil
		}
		group = append(group, encounter{c, m})
	}
	j.meet(group)
}

// encounter is a base chain that the packet meets for sure or perhaps.
type encounter struct {
	chain *chain
	sure  match
}

// mostOrders is how many chains of one priority are tried in every order.
const mostOrders = 6

// meet takes the packet through the base chains of one hook and priority, which
// the kernel calls in an order that depends on when they were made.
func (j *journey) meet(group []encounter) {
	if len(group) == 0 {
		return
	}
	j.pastConntrack(group[0].chain.base)
	if len(group) > mostOrders {
		j.trace.anything(&site{chain: group[0].chain, why: "too many chains have its priority"})
		for i := range group {
			j.ways = j.through(widen(j.ways), group[i:i+1])
		}
		return
	}
	var left []state
	permute(group, func() { left = append(left, j.through(j.ways, group)...) })
	j.ways = split(join(left))
}

// widen forgets what other chains may have changed before.
func widen(ways []state) []state {
	var wide []state
	for _, s := range ways {
		wide = append(wide, anything(s, nil).on)
	}
	return split(join(wide))
}

// through takes the packet through base chains one after the other.
func (j *journey) through(ways []state, group []encounter) []state {
	for _, n := range group {
		var left ends
		for _, s := range ways {
			e := j.base(n.chain, s)
			if n.sure != yes {
				e.accept = e.accept.join(s)
			}
			left.add(e)
		}
		ways = split(left.accept)
		if j.first == nil {
			j.first = left.first
		}
		if left.last != nil {
			j.last = left.last
		}
	}
	return ways
}

// permute calls f with every order of the group.
func permute(group []encounter, f func()) {
	var rest func(from int)
	rest = func(from int) {
		if from == len(group) {
			f()
		}
		for i := from; i < len(group); i++ {
			group[from], group[i] = group[i], group[from]
			rest(from + 1)
			group[from], group[i] = group[i], group[from]
		}
	}
	rest(0)
}

// pastConntrack has conntrack look at the packet where it comes before the chain.
func (j *journey) pastConntrack(b *base) {
	yes, sure := b.tracked()
	if j.tracked || sure && !yes {
		return
	}
	j.tracked = sure
	var all []state
	for _, s := range j.ways {
		if !sure {
			all = append(all, s)
		}
		if s.track&fresh != 0 {
			s.track = s.track&^fresh | j.made
		}
		all = append(all, s)
	}
	j.ways = split(join(all))
}

func join(all []state) (joined state) {
	for _, s := range all {
		joined = joined.join(s)
	}
	return joined
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
