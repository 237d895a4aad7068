package check

import (
	"fmt"

	"ptbrelay/audit/firewall"
)

// conntrackInvalidDrop looks for rules that drop PTBs which conntrack calls invalid and
// would let pass those that it calls related. What drops both is icmpFiltered's.
//
// Invalid is each PTB whose flow conntrack does not know. On a server that is not
// the owner that is as it should be: the kernel has no use for it, and ptbrelay's
// table looks before conntrack's does. So that is no error. It is a warning and no
// less, for conntrack may not know the owner's flows either. Where rules have it pass
// over the VIP's traffic it surely does not: every PTB is invalid there and dies, which
// is an error.
func conntrackInvalidDrop(f *Facts) []Finding {
	if f.Firewall.Err != nil {
		return []Finding{unknown(f.Firewall.Err, "Whether the packet filter drops PTBs that conntrack calls invalid is not known.")}
	}
	return invalidDropped(f.Firewall.Value.Fate, f.entrances(), f.Firewall.Value.Legacy, f.notracked)
}

func invalidDropped(fate fate, entrances []entrance, legacy []string, passed func(ipv6 bool) notracked) []Finding {
	outcomes := outcomesOf(entrances, func(e entrance) firewall.Outcome { return forItsState(fate, e) })
	return orOK(droppedBy(outcomes, legacy, "PTBs just because conntrack calls them invalid", func(o filtered) Finding {
		return dropsInvalid(o, mostNotracked(o, passed))
	}))
}

// forItsState is the outcome of an invalid PTB where a related one has another.
func forItsState(fate fate, e entrance) firewall.Outcome {
	related, invalid := fate(e.ptb(firewall.Related)), fate(e.ptb(firewall.Invalid))
	if related.Fate == firewall.Drops || same(related, invalid) {
		return firewall.Outcome{}
	}
	return invalid
}

func dropsInvalid(o filtered, n notracked) Finding {
	found := Finding{
		Severity: Warning,
		Subject:  o.Rule,
		Read:     o.read(),
		Why: fmt.Sprintf("PTBs that conntrack calls invalid (%s) are dropped: harmless where the flow is another server's, "+
			"but where conntrack does not know the owner's flows, as by notrack for the VIP's traffic, every PTB dies at the owner too.", who(o.entrances)),
		Mend: o.accept(),
	}
	switch n.Likelihood {
	case firewall.Never:
	case firewall.Perhaps:
		found.Read += "; " + ruleRead(n.Rule, n.Text)
		found.Why += fmt.Sprintf(" It looks like such a rule may be there, for %s.", n.what)
	case firewall.Surely:
		found.Severity = Error
		found.Read += "; " + ruleRead(n.Rule, n.Text)
		found.Why = fmt.Sprintf("Rules have conntrack pass over %s, so it calls every PTB about that invalid, and PTBs that it calls invalid (%s) are dropped: this host learns no path MTU of it.",
			n.what, who(o.entrances))
	}
	return found
}
