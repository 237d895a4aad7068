package host

import "net/netip"

// Rule is one rule of the routing policy (ip rule).
type Rule struct {
	IPv6     bool
	Priority uint32
	Table    uint32
	// Source and Destination are the zero Prefix where they do not select.
	Source, Destination netip.Prefix
	// TOS is the byte that packets must have in the bits of TOSMask; where the
	// mask is 0 it does not select. The kernel before 6.15 knows no mask: then it
	// is the one that it works with, without the ECN bits.
	TOS, TOSMask uint8
	// Mark and MarkMask select by fwmark where the mask is not 0.
	Mark, MarkMask uint32
	// Interface is the name of the one that packets must come in by; "" any.
	Interface string
}
