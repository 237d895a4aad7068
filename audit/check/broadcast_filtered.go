package check

import (
	"fmt"

	"ptbrelay/audit/firewall"
)

// broadcastFiltered looks for rules that drop PTBs which come in broadcast frames by
// the interfaces, as copies do, and let pass those of frames to this host. What drops
// both is icmpFiltered's. Where it finds nothing, read is what is well.
func (f *Facts) broadcastFiltered(names []string) (found []Finding, read string) {
	if f.Firewall.Err != nil {
		return []Finding{unknown(f.Firewall.Err, "Whether the packet filter drops copies that come in broadcast frames is not known.")}, ""
	}
	return copiesDropped(f.Firewall.Value.Fate, f.copyEntrances(names), f.Firewall.Value.Legacy)
}

// copyEntrances are the interfaces in each family that the host speaks; too many to ask
// for one by one are any.
func (f *Facts) copyEntrances(names []string) (all []entrance) {
	for _, ipv6 := range []bool{false, true} {
		if !f.speaks(ipv6) {
			continue
		}
		if len(names) > mostListed {
			all = append(all, entrance{ipv6: ipv6})
			continue
		}
		for _, name := range names {
			if !f.missing(name) {
				all = append(all, entrance{ipv6, name, f.linkIndex(name)})
			}
		}
	}
	return all
}

// linkIndex is 0 where it is not known.
func (f *Facts) linkIndex(name string) int {
	for _, l := range f.Links.Value {
		if l.Name == name {
			return l.Index
		}
	}
	return 0
}

func copiesDropped(fate fate, entrances []entrance, legacy []string) (found []Finding, read string) {
	outcomes := outcomesOf(entrances, func(e entrance) firewall.Outcome { return forItsFrame(fate, e) })
	return droppedBy(outcomes, legacy, "PTBs just because they come in broadcast frames", dropsBroadcast)
}

// forItsFrame is the outcome of a PTB in a broadcast frame where one in a frame to this
// host has another.
func forItsFrame(fate fate, e entrance) firewall.Outcome {
	original := e.ptb(firewall.Related)
	copied := original
	copied.Broadcast = true
	one, other := fate(original), fate(copied)
	if one.Fate == firewall.Drops || same(one, other) {
		return firewall.Outcome{}
	}
	return other
}

func dropsBroadcast(o filtered) Finding {
	return Finding{
		Severity: Error,
		Subject:  o.Rule,
		Read:     o.read(),
		Why:      fmt.Sprintf("It drops PTBs that come in broadcast frames (%s), as copies do, so this host does not learn from its peers.", who(o.entrances)),
		Mend:     o.accept(),
	}
}
