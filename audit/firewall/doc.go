// Package firewall reads the packet filter of this host over netlink, nftables and
// what iptables-nft makes of it, and tells what becomes of a PTB that comes in, what
// marks of packets are made of, and whose packets conntrack passes over.
//
// It understands what filters of common systems are made of. Where a rule is not
// wholly understood it says so: a packet may be dropped then. It changes nothing, and
// whether what it tells is a fault is for audit/check to say.
//
// A [Ruleset] is walked with a packet of which only some bits are known: each
// expression of a rule holds, does not, or may; what ways lead to a drop, and
// whether any leads past all, is the packet's fate.
//
// The library google/nftables is not used here: it leaves out of a rule the
// expressions that it does not know, and what is left reads as another rule.
package firewall
