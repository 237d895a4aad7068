// Package firewall reads the packet filter of this host over netlink, nftables and
// what iptables-nft makes of it, and tells what becomes of a PTB that comes in.
//
// It understands what filters of common systems are made of. Where a rule is not
// wholly understood it says so: a packet may be dropped then. It changes nothing.
package firewall
