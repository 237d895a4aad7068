package firewall

// Ruleset is the packet filter of a network namespace, as far as it is
// understood. The zero Ruleset drops nothing.
type Ruleset struct {
	// Legacy are the tables of iptables' older kind, which netlink does not
	// show: "filter", "raw", ... What they do is not known.
	Legacy []string
}

// PTB is a PTB that comes in, as the packet filter may tell it from others.
type PTB struct {
	IPv6 bool
	// State is what conntrack makes of it.
	State State
}

// State is a state of conntrack.
type State uint8

// The states that a PTB can have. At its owner it is related, at every other
// server invalid, where conntrack was told to pass the connection over untracked;
// without conntrack it has none, and matches on states do not hold.
const (
	Related State = iota
	Invalid
	Untracked
)

// Fate is what becomes of a packet.
type Fate uint8

// The fates.
const (
	// Passes: nothing drops it.
	Passes Fate = iota
	// MayDrop: a rule that is not wholly understood, or that depends on more than
	// what is known of the packet, may drop it.
	MayDrop
	// Drops: some rule drops it.
	Drops
)

// Outcome is the fate of a packet and the rule that decides it.
type Outcome struct {
	Fate Fate
	// Rule names it: "inet filter input, rule 3 (handle 12)"; empty where nothing
	// drops it. Text is the rule as far as it is understood.
	Rule, Text string
}
