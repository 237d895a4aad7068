package rules

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// Name is the name of the table that a [Config] without one stands for.
const Name = "ptbrelay"

const (
	baseChain = "prerouting"
	ptbChain  = "ptb"
	synChain  = "syn"
	guardName = "guarded"

	// The first PTBs of a second are logged at once; beyond that rate the
	// kernel collects them, which costs each up to 10 ms and saves most of the
	// CPU time of a flood.
	promptRate      = 2000 // packets/s
	promptBurst     = 200  // packets
	promptThreshold = 1    // packets a netlink message
	batchThreshold  = 64

	guardBurstShare = 5 // the guard's burst is a fifth of its rate

	// A sample of SYNs says what all of them offer, and costs next to nothing.
	synRate  = 100 // packets/s
	synBurst = 100 // packets
	// synSnap is what is copied of a SYN, in bytes: IPv6 header, some extension
	// headers and the longest TCP header, or the longest IPv4 and TCP headers.
	synSnap = 160
)

// Config is what the table depends on.
type Config struct {
	// Table is the name of the table, family inet; empty: [Name]. Tables of
	// different names stand beside each other. An installed one keeps its name.
	Table string
	Group uint16 // netfilter log group
	// VIPs narrows the table to these destinations; empty: to all that the FIB
	// calls local.
	VIPs []netip.Prefix
	// Guard is how many PTBs a second pass on to the log; what exceeds it is
	// counted and goes on to the host's own stack.
	Guard uint32
	// MSS adds a sample of the SYNs that open a connection to this host, at most
	// 100 a second, headers only, to the log group after Group.
	MSS bool
}

// name is the name of the table.
func (c Config) name() string { return cmp.Or(c.Table, Name) }

// synGroup is the log group of the SYNs.
func (c Config) synGroup() uint16 { return c.Group + 1 }

// set is a named set of addresses.
type set struct {
	name     string
	ipv6     bool
	prefixes []netip.Prefix // disjoint, sorted
}

// rule is one rule: why it is there, as its tool reads it, and as the kernel takes
// it. iptables' tools make the last one themselves.
type rule struct {
	why   string // for who reads the text; empty: as the rule before
	text  string
	exprs exprs
}

// chain is one chain with its rules.
type chain struct {
	name  string
	base  bool   // hooked at prerouting
	note  string // for who reads the text
	rules []rule
}

// plan is the whole table.
type plan struct {
	sets   []set
	chains []chain
}

// newPlan lays out the whole table.
func newPlan(c Config) plan {
	v4, v6 := split(c.VIPs)
	var p plan
	for _, s := range []set{{"vips4", false, v4}, {"vips6", true, v6}} {
		if len(s.prefixes) > 0 {
			p.sets = append(p.sets, s)
		}
	}
	p.chains = chains(c, destination(v4, v6))
	return p
}

// chains are those of the table; destination passes over what is not for us.
//
// The tests come first, so that any other packet pays for them alone; the FIB
// look-up costs more and comes after them. In the PTB test the type comes first,
// as the bytes that it is in any protocol: they tell nearly every packet apart,
// so an echo pays no more than TCP. nft by itself would put family and protocol
// before them. So do the flags in the test for SYNs, which comes last.
func chains(c Config, destination []rule) []chain {
	base := chain{name: baseChain, base: true, note: noteTests,
		rules: []rule{
			{whyPTB4, "@th,0,16 0x0304 meta l4proto icmp meta nfproto ipv4 goto " + ptbChain, fragNeeded(ptbChain)},
			{whyPTB6, "@th,0,8 2 meta l4proto ipv6-icmp meta nfproto ipv6 goto " + ptbChain, packetTooBig(ptbChain)},
		},
	}
	ptb := chain{name: ptbChain, rules: ptbRules(c, destination)}
	if !c.MSS {
		return []chain{base, ptb}
	}
	base.rules = append(base.rules, rule{whySYN, "@th,96,32 & 0x00170000 == 0x00020000 meta l4proto tcp goto " + synChain, opening(synChain)})
	return []chain{base, ptb, {name: synChain, rules: synRules(c, destination)}}
}

// forUs are the rules that pass over what this host is not meant to hear.
func forUs(destination []rule) []rule {
	return append([]rule{
		{whyLoopback, `iif "lo" return`, loopback()},
		{whyUnicast, `meta pkttype != host return`, notToThisHost()},
	}, destination...)
}

// ptbRules are the rules that a PTB passes.
func ptbRules(c Config, destination []rule) []rule {
	return append(forUs(destination),
		rule{
			whyGuard,
			fmt.Sprintf("limit rate over %d/second burst %d packets counter name %q return", c.Guard, guardBurst(c.Guard), guardName),
			guard(c.Guard, guardBurst(c.Guard)),
		},
		rule{
			whyPrompt,
			fmt.Sprintf("limit rate %d/second burst %d packets log group %d queue-threshold %d return", promptRate, promptBurst, c.Group, promptThreshold),
			logUpTo(promptRate, promptBurst, c.Group, promptThreshold),
		},
		rule{
			whyBatch,
			fmt.Sprintf("log group %d queue-threshold %d", c.Group, batchThreshold),
			log(c.Group, batchThreshold),
		},
	)
}

// synRules are the rules that a SYN passes.
func synRules(c Config, destination []rule) []rule {
	return append(forUs(destination), rule{
		whySample,
		fmt.Sprintf("limit rate %d/second burst %d packets log group %d snaplen %d queue-threshold %d", synRate, synBurst, c.synGroup(), synSnap, batchThreshold),
		logSample(synRate, synBurst, c.synGroup(), batchThreshold, synSnap),
	})
}

// destination returns the rules that pass over what is not for a VIP.
func destination(v4, v6 []netip.Prefix) []rule {
	if len(v4)+len(v6) == 0 {
		return []rule{{whyLocal, "fib daddr type != local return", notLocal()}}
	}
	rules := []rule{
		{whyVIPs, "ip daddr != @vips4 return", notInSet("vips4", false)},
		{"", "ip6 daddr != @vips6 return", notInSet("vips6", true)},
	}
	if len(v4) == 0 {
		rules[0].text, rules[0].exprs = "meta nfproto ipv4 return", returnFamily(false)
	}
	if len(v6) == 0 {
		rules[1].text, rules[1].exprs = "meta nfproto ipv6 return", returnFamily(true)
	}
	return rules
}

func guardBurst(rate uint32) uint32 { return max(rate/guardBurstShare, 1) }

// split sorts the prefixes by family and drops those that another covers:
// the kernel refuses an interval set whose elements overlap.
func split(prefixes []netip.Prefix) (v4, v6 []netip.Prefix) {
	sorted := slices.Clone(prefixes)
	slices.SortFunc(sorted, netip.Prefix.Compare)
	var last netip.Prefix
	for _, p := range sorted {
		if last.IsValid() && last.Contains(p.Addr()) {
			continue
		}
		last = p
		if p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	return v4, v6
}
