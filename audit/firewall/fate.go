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
		j := newJourney(p, e)
		j.travel(r.bases)
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
		return Outcome{MayDrop, "iptables-legacy " + legacy, "not shown by netlink"}
	}
	return Outcome{}
}

// outcome names the place.
func (at *site) outcome(o Fate) Outcome {
	where := fmt.Sprintf("%v %s %s", at.chain.table.family, at.chain.table.name, at.chain.name)
	if at.rule == nil {
		if at.chain.unread {
			return Outcome{o, where, "too many rules to read"}
		}
		return Outcome{o, where + ", policy", "policy drop"}
	}
	return Outcome{o, fmt.Sprintf("%s, rule %d (handle %d)", where, at.rule.number, at.rule.handle), at.rule.tell(at.chain.table)}
}

// legacyOf is the first of the tables that packets of an IP version meet.
func legacyOf(ipv6 bool, tables []string) string {
	want := familyIPv4
	if ipv6 {
		want = familyIPv6
	}
	for _, t := range tables {
		if strings.HasPrefix(t, want.String()+" ") {
			return t
		}
	}
	return ""
}
