package check

import (
	"fmt"
	"slices"
	"strings"

	"ptbrelay/audit/firewall"
)

// fate is what a packet filter makes of a PTB.
type fate func(firewall.PTB) firewall.Outcome

// filtered is an outcome, and the entrances of the PTBs that it is of.
type filtered struct {
	firewall.Outcome
	entrances []entrance
}

// outcomesOf asks for each entrance; what is the same for several is told once.
func outcomesOf(entrances []entrance, outcome func(entrance) firewall.Outcome) (all []filtered) {
	for _, e := range entrances {
		o := outcome(e)
		i := slices.IndexFunc(all, func(f filtered) bool { return same(f.Outcome, o) })
		if i < 0 {
			all = append(all, filtered{o, []entrance{e}})
			continue
		}
		all[i].entrances = append(all[i].entrances, e)
	}
	return all
}

// same reports whether one rule decides both in the same way.
func same(a, b firewall.Outcome) bool { return a.Fate == b.Fate && a.Rule == b.Rule }

func hasFamily(entrances []entrance, ipv6 bool) bool {
	return slices.ContainsFunc(entrances, func(e entrance) bool { return e.ipv6 == ipv6 })
}

// who is "IPv4 and IPv6, by eth0".
func who(entrances []entrance) string {
	var families, names []string
	for _, e := range entrances {
		if e.name != "" && !slices.Contains(names, e.name) {
			names = append(names, e.name)
		}
	}
	if hasFamily(entrances, false) {
		families = append(families, "IPv4")
	}
	if hasFamily(entrances, true) {
		families = append(families, "IPv6")
	}
	s := strings.Join(families, " and ")
	if len(names) > 0 {
		s += ", by " + list(names)
	}
	return s
}

// read is the rule and what it says.
func (o filtered) read() string { return ruleRead(o.Rule, o.Text) }

// ruleRead is a rule of the packet filter and what it says, of which there may be nothing.
func ruleRead(rule, text string) string { return strings.TrimSuffix(rule+": "+text, ": ") }

// accept is the command that has the chain of the rule accept PTBs before any other
// rule of it is looked at; empty where no chain is named, or by a name that neither nft
// nor a shell takes as it is.
func (o filtered) accept() string {
	chain, _, ok := strings.Cut(o.Rule, ",")
	if !ok || strings.ContainsFunc(chain, func(r rune) bool { return r != ' ' && !plain(r) }) {
		return ""
	}
	var commands []string
	if hasFamily(o.entrances, false) {
		commands = append(commands, fmt.Sprintf("insert rule %s icmp type destination-unreachable icmp code frag-needed accept", chain))
	}
	if hasFamily(o.entrances, true) {
		commands = append(commands, fmt.Sprintf("insert rule %s icmpv6 type packet-too-big accept", chain))
	}
	return "nft '" + strings.Join(commands, "; ") + "'"
}

// droppedBy is what is found of outcomes for PTBs of one kind: what certain says of
// those that are certain, and a hint at others. Legacy are the tables of
// iptables-legacy, which may be what is not certain. Where it finds nothing, read is
// what is well.
func droppedBy(outcomes []filtered, legacy []string, kind string, certain func(filtered) Finding) (found []Finding, read string) {
	var asked []entrance
	for _, o := range outcomes {
		asked = append(asked, o.entrances...)
	}
	legacy = legacyOf(legacy, asked)
	for _, o := range outcomes {
		switch {
		case o.Fate == firewall.Drops:
			found = append(found, certain(o))
		case o.Fate == firewall.MayDrop && len(legacy) == 0:
			found = append(found, looksLikeDrop(o, kind))
		}
	}
	if len(legacy) > 0 {
		found = append(found, legacyUnknown(legacy))
	}
	if len(asked) == 0 {
		return found, "routing tables: no local address that PTBs could come to"
	}
	return found, fmt.Sprintf("nftables: nothing drops %s (%s)", kind, who(asked))
}

// looksLikeDrop is the finding about a rule that is not wholly understood.
func looksLikeDrop(o filtered, kind string) Finding {
	return Finding{
		Severity: Info,
		Subject:  o.Rule,
		Read:     o.read(),
		Why:      fmt.Sprintf("It looks like a rule that may drop %s (%s), which cannot be told for certain: look at it.", kind, who(o.entrances)),
	}
}

// legacyOf are those of iptables-legacy's tables, "ip filter" or "ip6 raw", that PTBs
// meet.
func legacyOf(tables []string, entrances []entrance) []string {
	return slices.DeleteFunc(slices.Clone(tables), func(t string) bool {
		return !hasFamily(entrances, strings.HasPrefix(t, "ip6 "))
	})
}

// legacyUnknown is the finding about tables that cannot be read.
func legacyUnknown(tables []string) Finding {
	return Finding{
		Severity: Unknown,
		Read:     "iptables-legacy has tables that netlink does not show: " + strings.Join(tables, ", "),
		Why:      "Whether their rules drop PTBs is not known: look at them with iptables-legacy-save and ip6tables-legacy-save.",
	}
}
