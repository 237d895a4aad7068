package check

import (
	"fmt"

	"ptbrelay/audit/firewall"
	"ptbrelay/audit/host"
)

// mostMarks is how many different marks are asked for in one family.
const mostMarks = 128

// byECN is whether the packet filter makes a mark of ECN bits.
type byECN func(value, mask uint32) firewall.Deed

// ecnMarks looks for what gives packets the marks that the rules select by.
func (f *Facts) ecnMarks(marked []host.Rule) (found []Finding) {
	if len(marked) > 0 && f.Firewall.Err != nil {
		return []Finding{unknown(f.Firewall.Err, fmt.Sprintf("Whether the marks that routing rules select by (%s) come of ECN bits is not known.", ruleNames(marked)))}
	}
	for _, ipv6 := range []bool{false, true} {
		var some []host.Rule
		for _, r := range marked {
			if r.IPv6 == ipv6 {
				some = append(some, r)
			}
		}
		if len(some) > 0 {
			found = append(found, markedByECN(some, f.Firewall.Value.Marks(ipv6).ByECN)...)
		}
	}
	return found
}

// markedByECN is what is found of the rules of one family; what is the same for several
// is told once.
func markedByECN(rules []host.Rule, makes byECN) (found []Finding) {
	type mark struct{ value, mask uint32 }
	made := make(map[mark]firewall.Deed)
	by := make(map[firewall.Deed][]host.Rule)
	var deeds []firewall.Deed
	for _, r := range rules {
		m := mark{r.Mark & r.MarkMask, r.MarkMask}
		d, asked := made[m]
		if !asked && len(made) == mostMarks {
			found = append(found, marksLeftOut())
			break
		}
		if !asked {
			d = makes(m.value, m.mask)
			made[m] = d
		}
		if by[d] == nil {
			deeds = append(deeds, d)
		}
		by[d] = append(by[d], r)
	}
	for _, d := range deeds {
		if d.Likelihood != firewall.Never {
			found = append(found, ecnMark(by[d], d))
		}
	}
	return found
}

func ecnMark(rules []host.Rule, d firewall.Deed) Finding {
	found := Finding{
		Severity: Warning,
		Subject:  ruleNames(rules),
		Read:     fmt.Sprintf("routing rules: by fwmark 0x%x, mask 0x%x; %s: %s", rules[0].Mark, rules[0].MarkMask, d.Rule, d.Text),
		Why:      "The mark comes of ECN bits. " + twoWays + " Make the mark of DSCP alone.",
	}
	if d.Likelihood == firewall.Perhaps {
		found.Severity = Info
		found.Why = "It looks like a rule that may make the mark of ECN bits, which cannot be told for certain: look at it. " +
			"They part the SYN of a connection from its data: make the mark of DSCP alone."
	}
	return found
}

func marksLeftOut() Finding {
	return Finding{
		Severity: Unknown,
		Read:     fmt.Sprintf("routing rules: by more than %d marks, of which the first were looked at", mostMarks),
		Why:      "Whether the others come of ECN bits is not known.",
	}
}

func markedRules(rules []host.Rule) (marked []host.Rule) {
	for _, r := range rules {
		if r.MarkMask != 0 {
			marked = append(marked, r)
		}
	}
	return marked
}

// ruleNames names the first of many.
func ruleNames(rules []host.Rule) string { return listOf(rules, ruleName) }
