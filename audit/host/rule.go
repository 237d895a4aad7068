package host

// Rule is one rule of the routing policy (ip rule): what of a packet's TOS byte and
// mark it selects by, and not by what else, nor what it does then.
type Rule struct {
	IPv6     bool
	Priority uint32
	// TOS is the byte that packets must have in the bits of TOSMask; where the
	// mask is 0 it does not select. A rule by DSCP has its six bits, 0xfc, or
	// those of its own mask (kernel 6.15). A rule by TOS has none: then the mask is
	// what the kernel compares, 0x1c in IPv4 and 0xfc in IPv6.
	//
	// Since 5.18 the kernel refuses a TOS with ECN bits (fib4_rule_configure in
	// net/ipv4/fib_rules.c, fib6_rule_configure in net/ipv6/fib6_rules.c). Before,
	// IPv6 compared the whole byte, so that any rule by TOS was one by ECN. ECN bits
	// that the TOS has are in the mask.
	TOS, TOSMask uint8
	// Mark and MarkMask select by fwmark where the mask is not 0.
	Mark, MarkMask uint32
}
