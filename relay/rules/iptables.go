package rules

import (
	"fmt"
	"net/netip"
	"strings"
)

// maxHashlimit is the highest rate of a hashlimit, in packets a second: it counts
// whole microseconds (XT_HASHLIMIT_SCALE_v2, linux/netfilter/xt_hashlimit.h).
const maxHashlimit = 1_000_000

// IPTables is the twin of the table for one address family, in the language of
// iptables-restore (ipv6: of ip6tables-restore). It has chains of its own in the
// table raw, which `--noflush` fills anew, and which one jump from PREROUTING leads
// to; its comments say how to make it, and why each rule is there.
//
// Rates hold for each family by itself. A guard above 10^6 a second is an error: no
// match of iptables has it. One that does not divide 10^6 is rounded up by the tool to
// the next that does, 150000 to 166666.
func IPTables(c Config, ipv6 bool) (string, error) {
	if c.Guard > maxHashlimit {
		return "", fmt.Errorf("rules.node_guard: %d a second is more than iptables can count: set it to at most %d, or load nftables' rules", c.Guard, maxHashlimit)
	}
	x := iptables{Config: c, ipv6: ipv6}
	chains := x.chains()
	var b strings.Builder
	b.WriteString(x.head(chains))
	b.WriteString("*raw\n")
	for _, c := range chains {
		fmt.Fprintf(&b, ":%s - [0:0]\n", c.name)
	}
	for _, c := range chains {
		b.WriteString("\n")
		for _, r := range c.rules {
			comment(&b, "", r.why)
			fmt.Fprintf(&b, "-A %s %s\n", c.name, r.text)
		}
	}
	b.WriteString("COMMIT\n")
	return b.String(), nil
}

// iptables lays out the rules of one address family.
type iptables struct {
	Config
	ipv6 bool
}

// head says how to load and unload chains, of which packets come to the first.
func (x iptables) head(chains []chain) string {
	program, print, family := "iptables", "ptbrelay rules iptables", "IPv4"
	if x.ipv6 {
		program, print, family = "ip6tables", "ptbrelay rules iptables --family 6", "IPv6"
	}
	names := make([]string, len(chains))
	for i, c := range chains {
		names[i] = c.name
	}
	return fmt.Sprintf(`# The rules of ptbrelay for %[1]s, for rules.manage: false. None drops, marks or accepts a packet.
#
# Load them, and again after a change of the configuration; all other rules stay:
#   %[2]s | %[3]s-restore -w --noflush
# The first time, have packets pass them before all other rules; twice would log all twice:
#   %[3]s -w -t raw -C PREROUTING -j %[4]s 2>/dev/null || %[3]s -w -t raw -I PREROUTING -j %[4]s
# Take them out:
#   %[3]s -w -t raw -D PREROUTING -j %[4]s
#   for act in -F -X; do for c in %[5]s; do %[3]s -w -t raw $act $c; done; done
#
# -g leads on without a way back: where its chain ends, the packet goes on in PREROUTING.

`, family, print, program, names[0], strings.Join(names, " "))
}

// chains are the same whatever the configuration is, so that loading one leaves
// nothing of another. Packets pass them in this order.
func (x iptables) chains() []chain {
	tests, here, take, now := x.name(), x.name()+"-here", x.name()+"-log", x.name()+"-now"
	return []chain{
		{name: tests, rules: x.tests(here)},
		{name: here, rules: x.forUs(take)},
		{name: take, rules: x.log(now)},
		{name: now, rules: []rule{{why: whyPrompt, text: nflog(x.Group, promptThreshold)}}},
	}
}

// tests are those that every packet pays for.
func (x iptables) tests(next string) []rule {
	ptb := rule{why: whyPTB4, text: "-p icmp -m icmp --icmp-type 3/4 -g " + next}
	if x.ipv6 {
		ptb = rule{why: whyPTB6, text: "-p ipv6-icmp -m icmp6 --icmpv6-type 2 -g " + next}
	}
	if !x.MSS {
		return []rule{ptb}
	}
	return []rule{ptb, {why: whySYN, text: "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -g " + next}}
}

// forUs leads on what this host is meant to hear. A rule knows one destination, so
// VIPs cannot be passed over together as nftables' sets do it.
func (x iptables) forUs(next string) []rule {
	rules := []rule{
		{why: whyLoopback, text: "-i lo -j RETURN"},
		{why: whyUnicast, text: "-m pkttype ! --pkt-type unicast -j RETURN"},
	}
	if len(x.VIPs) == 0 {
		return append(rules, rule{why: whyLocal, text: "-m addrtype --dst-type LOCAL -g " + next})
	}
	v4, v6 := split(x.VIPs)
	vips := v4
	if x.ipv6 {
		vips = v6
	}
	return append(rules, destinations(vips, next)...)
}

// destinations lead on what is for a VIP.
func destinations(vips []netip.Prefix, next string) []rule {
	if len(vips) == 0 {
		return []rule{{why: whyNoVIP, text: "-j RETURN"}}
	}
	rules := make([]rule, len(vips))
	for i, p := range vips {
		rules[i].text = "-d " + element(p) + " -g " + next
	}
	rules[0].why = whyVIPs
	return rules
}

// log are the rules for what is for us. NFLOG does not end a chain, so what is
// logged at once is in a chain of its own.
func (x iptables) log(now string) (rules []rule) {
	if x.MSS {
		rules = []rule{
			{why: whySample, text: "-p tcp " + limit(synRate, synBurst) + " " + nflog(x.synGroup(), batchThreshold) + fmt.Sprintf(" --nflog-size %d", synSnap)},
			{why: whySampled, text: "-p tcp -j RETURN"},
		}
	}
	return append(rules,
		rule{why: whyGuard, text: x.guard()},
		rule{why: whyPrompt, text: limit(promptRate, promptBurst) + " -g " + now},
		rule{why: whyBatch, text: nflog(x.Group, batchThreshold)},
	)
}

// guard is a hashlimit of one bucket: it hashes nothing. One of a name that is there
// already keeps its rate (htable_find_get, net/netfilter/xt_hashlimit.c), so the rate
// is part of the name.
func (x iptables) guard() string {
	return fmt.Sprintf("-m hashlimit --hashlimit-above %[1]d/second --hashlimit-burst %[2]d --hashlimit-name %[3]s-%[1]d -j RETURN",
		x.Guard, guardBurst(x.Guard), x.name())
}

// limit matches up to a rate, in packets a second.
func limit(rate, burst int) string {
	return fmt.Sprintf("-m limit --limit %d/second --limit-burst %d", rate, burst)
}

func nflog(group uint16, threshold int) string {
	return fmt.Sprintf("-j NFLOG --nflog-group %d --nflog-threshold %d", group, threshold)
}
