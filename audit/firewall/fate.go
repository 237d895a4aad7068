package firewall

import (
	"fmt"
	"strings"
)

// Fate is what becomes of a PTB on its way in, through prerouting and input. Of
// chains of bridges it is not known whether it meets them; those of type nat see
// the first packet of a connection only, never a PTB.
func (r Ruleset) Fate(p PTB) Outcome {
	var fates []*journey
	for _, e := range r.entrances(p) {
		j := newJourney(packet{ipv6: p.IPv6, broadcast: p.Broadcast, entrance: e}, p.State.track(), state{markKnown: ^uint32(0)})
		j.travel(r.between(stageIngress, stageInput))
		fates = append(fates, j)
	}
	dropped := 0
	var first, last *site
	for _, j := range fates {
		if len(j.ways) == 0 {
			dropped++
			last = j.last
		}
		if first == nil {
			first = j.first
		}
	}
	legacy := legacyOf(p.IPv6, r.Legacy)
	switch {
	case dropped == len(fates):
		return last.outcome(Drops)
	case first != nil:
		return first.outcome(MayDrop)
	case legacy != "":
		return Outcome{MayDrop, legacyRule + legacy, legacyText}
	}
	return Outcome{}
}

// outcome is the fate that is decided there.
func (at *site) outcome(o Fate) Outcome {
	rule, text := at.tell()
	return Outcome{o, rule, text}
}

// tell names the place and what is there, as an [Outcome] does.
func (at *site) tell() (rule, text string) {
	where := fmt.Sprintf("%v %s %s", at.chain.table.family, at.chain.table.name, at.chain.name)
	switch {
	case at.why != "":
		return where, at.why
	case at.rule == nil && at.chain.unread:
		return where, "too many rules to read"
	case at.rule == nil:
		return where + ", policy", "policy drop"
	}
	return fmt.Sprintf("%s, rule %d (handle %d)", where, at.rule.number, at.rule.handle), at.rule.tell(at.chain.table)
}

// between are the base chains of the stages from one to another.
func (r Ruleset) between(first, last stage) (bases []*chain) {
	for _, c := range r.bases {
		if first <= c.base.stage && c.base.stage <= last {
			bases = append(bases, c)
		}
	}
	return bases
}

// What is said of tables of iptables' older kind.
const (
	legacyRule = "iptables-legacy "
	legacyText = "not shown by netlink"
)

// legacyOf is the first of the tables that packets of an IP version meet.
func legacyOf(ipv6 bool, tables []string) string {
	for _, t := range tables {
		if strings.HasPrefix(t, versionOf(ipv6).String()+" ") {
			return t
		}
	}
	return ""
}
