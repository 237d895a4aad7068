package check

import (
	"fmt"

	"ptbrelay/audit/firewall"
)

// icmpFiltered looks for rules that drop PTBs on their way in, as they come to the
// server that owns the flow: there conntrack, where it runs, calls them related.
func icmpFiltered(f *Facts) []Finding {
	if f.Firewall.Err != nil {
		return []Finding{unknown(f.Firewall.Err, "Whether the packet filter drops PTBs is not known.")}
	}
	return allDropped(f.Firewall.Value.Fate, f.entrances(), f.Firewall.Value.Legacy)
}

func allDropped(fate fate, entrances []entrance, legacy []string) []Finding {
	outcomes := outcomesOf(entrances, func(e entrance) firewall.Outcome { return fate(e.ptb(firewall.Related)) })
	return orOK(droppedBy(outcomes, legacy, "PTBs of flows that this host owns", dropsAll))
}

func dropsAll(o filtered) Finding {
	return Finding{
		Severity: Error,
		Subject:  o.Rule,
		Read:     o.read(),
		Why:      fmt.Sprintf("It drops every PTB (%s), so this host learns no path MTU, neither from routers nor from copies.", who(o.entrances)),
		Mend:     o.accept(),
	}
}
