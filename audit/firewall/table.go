package firewall

// family is that of a table, by its number in linux/netfilter.h.
type family uint8

const (
	familyINet   family = 1
	familyIPv4   family = 2
	familyNetdev family = 5
	familyBridge family = 7
	familyIPv6   family = 10
)

func (f family) String() string {
	switch f {
	case familyINet:
		return "inet"
	case familyIPv4:
		return "ip"
	case familyNetdev:
		return "netdev"
	case familyBridge:
		return "bridge"
	case familyIPv6:
		return "ip6"
	}
	return "family?"
}

// versionOf is the family of the tables of one IP version.
func versionOf(ipv6 bool) family {
	if ipv6 {
		return familyIPv6
	}
	return familyIPv4
}

// table is what of a table the chains that a PTB may meet refer to.
type table struct {
	family family
	name   string
	chains map[string]*chain
	sets   map[string]*set
}

// chain is a list of rules.
type chain struct {
	table *table
	name  string
	rules []rule
	// unread: the rules are not known, for there are too many.
	unread bool
	base   *base // nil: reached by jumps only
}

// base is how packets get into a base chain.
type base struct {
	stage    stage
	priority int32 // the lower the earlier
	drops    bool  // policy drop
	routes   bool  // of type route: the kernel routes packets anew whose mark it changed
	// devices are the interfaces at whose ingress it is.
	devices []string
}

// stage is a place on a packet's way, the earlier the less.
type stage uint8

// The stages. PTBs go no further than to stageInput.
const (
	stageIngress stage = iota
	stageBridgePrerouting
	stageBridgeInput
	stagePrerouting
	stageInput
	stageForward
	stageOutput
	stagePostrouting
)

// meets reports whether a packet comes by. One that comes in by a bridge is not
// told from others, nor a connection of this host from one that it forwards.
func (b *base) meets(p packet) match {
	switch {
	case b.stage < stagePrerouting:
		return p.entrance.by(b.devices)
	case p.segment != nil && b.stage != stagePrerouting && b.stage != stageOutput:
		return maybe
	}
	return yes
}

// together reports whether two base chains are of one hook and priority.
func (b *base) together(o *base) bool { return b.stage == o.stage && b.priority == o.priority }

// conntrackPriority is NF_IP_PRI_CONNTRACK: what conntrack makes of a packet is
// known to later chains of its prerouting, or output.
const conntrackPriority = -200

// tracked reports whether conntrack comes before the base chain; sure is false
// where it may be either.
func (b *base) tracked() (yes, sure bool) {
	if b.stage != stagePrerouting && b.stage != stageOutput {
		return b.stage > stagePrerouting, true
	}
	return b.priority > conntrackPriority, b.priority != conntrackPriority
}

// meets reports whether packets of the IP version get into chains of the table.
func (t *table) meets(ipv6 bool) bool {
	switch t.family {
	case familyIPv4:
		return !ipv6
	case familyIPv6:
		return ipv6
	case familyINet, familyNetdev, familyBridge:
	}
	return true
}

// rule is a list of expressions, each of which may end it.
type rule struct {
	number      int // place in its chain, from 1
	handle      uint64
	expressions []expression
}
