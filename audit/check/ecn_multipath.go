package check

import (
	"cmp"
	"fmt"

	"ptbrelay/audit/host"
)

// ecnBits are those of the TOS byte that change between packets of one connection
// (RFC 3168): a SYN has none, data has some.
const ecnBits = 0x03

// ecnMultipath looks for rules and routes that select by the ECN bits, or by marks made
// of them, so that one connection takes two ways. The kernel's own hash over the next
// hops of a multipath route is no matter: no policy of it takes TOS
// (FIB_MULTIPATH_HASH_FIELD_* in include/net/ip_fib.h). Kernels from 5.18 on refuse such
// rules and routes, but marks can still be made of the whole byte.
func ecnMultipath(f *Facts) []Finding {
	if err := cmp.Or(f.Rules.Err, f.Routes.Err); err != nil {
		return []Finding{unknown(err, "Whether packets of one connection take two ways is not known.")}
	}
	var found []Finding
	for _, r := range f.Rules.Value {
		if r.TOSMask&ecnBits != 0 {
			found = append(found, ecnRule(r))
		}
	}
	for _, r := range f.Routes.Value.ByTOS {
		if r.TOS&ecnBits != 0 {
			found = append(found, ecnRoute(r))
		}
	}
	marked := markedRules(f.Rules.Value)
	found = append(found, f.ecnMarks(marked)...)
	if cut(f.Routes.Value, f.Routes.Value.ByTOS) {
		found = append(found, leftOut("routes by TOS"))
	}
	read := fmt.Sprintf("%d routing rules and %d routes by TOS: none selects by ECN bits", len(f.Rules.Value), len(f.Routes.Value.ByTOS))
	if len(marked) > 0 {
		read += fmt.Sprintf("; nftables: the marks that %d of the rules select by come of no ECN bits", len(marked))
	}
	return orOK(found, read)
}

// twoWays is why selecting by ECN bits breaks connections.
const twoWays = "With ECN the SYN and the data of one connection differ in these bits and take different ways, so the data may reach a server that knows nothing of it."

func ecnRule(r host.Rule) Finding {
	found := Finding{
		Severity: Warning,
		Subject:  ruleName(r),
		Read:     fmt.Sprintf("routing rules: it selects by TOS 0x%02x, mask 0x%02x", r.TOS, r.TOSMask),
		Why:      twoWays,
	}
	if r.TOS&^ecnBits == 0 {
		found.Mend = fmt.Sprintf("%s rule del priority %d tos 0x%02x", ruleCommand(r), r.Priority, r.TOS)
	} else {
		found.Why += " Select by DSCP alone."
	}
	return found
}

func ecnRoute(r host.FIBRoute) Finding {
	found := Finding{
		Severity: Warning,
		Subject:  routeName(r),
		Read:     fmt.Sprintf("routing tables: it selects by TOS 0x%02x", r.TOS),
		Why:      twoWays,
	}
	if r.TOS&^ecnBits == 0 {
		found.Mend = fmt.Sprintf("%s route del %s %s", ipCommand(r.Destination.Addr()), destination(r.Destination), routeKey(r))
	} else {
		found.Why += " Select by DSCP alone."
	}
	return found
}

// ruleName is a rule as ip rule numbers it.
func ruleName(r host.Rule) string {
	return fmt.Sprintf("%s rule %d", ruleCommand(r), r.Priority)
}

func ruleCommand(r host.Rule) string {
	if r.IPv6 {
		return "ip -6"
	}
	return "ip"
}
