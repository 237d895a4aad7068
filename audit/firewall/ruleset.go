package firewall

// Ruleset is the packet filter of a network namespace, as far as it is
// understood. The zero Ruleset drops nothing.
type Ruleset struct {
	// Legacy are the tables of iptables' older kind that packets to this host
	// meet, which netlink does not show: "ip filter", "ip6 raw", ... What they
	// do is not known.
	Legacy []string

	// bases are base chains, those of one stage after those of the one before,
	// each in the order in which packets meet them.
	bases []*chain
	// names are the interfaces' names, or beginnings of names, that rules ask for.
	names [][]byte
}

// PTB is a PTB that comes in, as the packet filter may tell it from others: from
// a router with a public address to a VIP that is local here, whole, without IP
// options or extension headers, and with mark 0, for what sets a mark before the
// packet filter does is not shown by it.
type PTB struct {
	IPv6 bool
	// Interface is the one that it comes in by, and Index its index, if known;
	// empty: any but lo.
	Interface string
	Index     int
	// State is what conntrack makes of it.
	State State
	// Broadcast: it comes in an Ethernet broadcast frame, as copies do.
	Broadcast bool
}

// State is a state of conntrack.
type State uint8

// The states that a PTB can have. At its owner it is related, at every other
// server invalid; where something that is not seen here had conntrack pass it
// over, untracked. What rules do about that ("notrack") is seen.
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
	// Rule names it: "inet filter input, rule 3 (handle 12)", the rule's place
	// counted from 1, or "inet filter input, policy"; empty where nothing drops
	// it. Text is the rule as far as it is understood: "ct state invalid drop",
	// the rest of it "…".
	Rule, Text string
}
