package firewall

import "cmp"

// deepest is how many jumps the kernel goes (NFT_JUMP_STACK_SIZE).
const deepest = 16

// mostSteps is how many rules are looked at on one walk. Chains that jump twice to the
// next one, with another mark each time, would else take hours: a packet comes to the
// last of them in 2^15 states.
const mostSteps = 1 << 18

// walk takes a packet through chains.
type walk struct {
	packet packet
	depth  int
	steps  int    // rules looked at
	at     *chain // the base chain
	trace  trace
	// seen are chains with the state of the packet that came in. Without it a
	// chain that many rules jump to would be walked as often, and those below it
	// that often again.
	seen map[visit]ends
}

type visit struct {
	base, chain *chain
	state       state
}

// base is a base chain with its policy: there is no way on or back.
func (w *walk) base(c *chain, s state) ends {
	w.at = c
	e := w.chain(c, s, &site{chain: c})
	rest := e.on.join(e.back)
	e.on, e.back = state{}, state{}
	switch {
	case !rest.reached:
	case c.base.drops:
		e.add(drop(&site{chain: c}))
	default:
		e.accept = e.accept.join(rest)
	}
	return e
}

// chain walks a chain's rules; at is from where.
func (w *walk) chain(c *chain, s state, at *site) ends {
	if c == nil || c.unread || w.depth == deepest {
		return w.unknown(s, at)
	}
	v := visit{w.at, c, s}
	if e, ok := w.seen[v]; ok {
		return e
	}
	if w.steps += len(c.rules); w.steps > mostSteps {
		return w.unknown(s, at)
	}
	w.seen[v] = anything(s, at) // for a loop, which the kernel does not allow
	w.depth++
	e := ends{on: s}
	for i := range c.rules {
		step := w.rule(&site{chain: c, rule: &c.rules[i]}, e.on)
		e.add(step)
		if e.on = step.on; !e.on.reached {
			break
		}
	}
	w.depth--
	w.seen[v] = e
	return e
}

// unknown is where a chain leads that is not looked at.
func (w *walk) unknown(s state, at *site) ends {
	w.trace.anything(at)
	w.trace.add(event{base: w.at, site: *at, before: s.packetMark(), write: anyMark, unclear: true})
	return anything(s, at)
}

func (w *walk) rule(at *site, s state) ends {
	r := run{packet: w.packet, state: s, table: at.chain.table}
	e := w.expressions(&r, at)
	w.trace.note(&r, at)
	return e
}

// expressions walks those of a rule.
func (w *walk) expressions(r *run, at *site) (e ends) {
	var how matches
	for _, x := range at.rule.expressions {
		before := r.state
		r.verdicts, r.wrote = nil, nil
		m := x.eval(r)
		how = how.with(m)
		w.trace.write(w.at, at, before, how, r)
		w.trace.turn(w.at, at, how, r)
		if before.track != r.track {
			w.trace.notracked = cmp.Or(w.trace.notracked, at)
		}
		if m != yes {
			e.on = e.on.join(before)
		}
		if m == no || !w.decide(&e, r, at) {
			return e
		}
	}
	e.on = e.on.join(r.state)
	return e
}

// decide does what the last expression may have decided, and reports whether the
// rule may go on.
func (w *walk) decide(e *ends, r *run, at *site) (goesOn bool) {
	if len(r.verdicts) == 0 {
		return true
	}
	for _, v := range r.verdicts {
		if v.kind == verdictContinue {
			goesOn = true
			continue
		}
		e.merge(w.verdict(v, r.state, at))
	}
	return goesOn
}

func (w *walk) verdict(v verdict, s state, at *site) ends {
	switch v.kind {
	case verdictAccept:
		return ends{accept: s}
	case verdictDrop:
		return drop(at)
	case verdictReturn:
		return ends{back: s}
	case verdictJump:
		e := w.chain(at.chain.table.chains[v.chain], s, at)
		e.on, e.back = e.on.join(e.back), state{}
		return e
	case verdictGoto:
		e := w.chain(at.chain.table.chains[v.chain], s, at)
		e.on, e.back = state{}, e.on.join(e.back)
		return e
	case verdictElsewhere:
		return ends{accept: s, first: at, last: at}
	case verdictBreak, verdictContinue:
	}
	return ends{on: s}
}
