// Package rules is the nftables table that logs inbound PTBs to the capture
// group, and where it is asked for a sample of SYNs to the next one: what it
// holds, as text for operators and as netlink messages for the kernel, its twin
// for those who use iptables, and the life of the installed one.
//
// The table watches. It never drops a packet, never marks one and accepts none
// for others: its chains log and return. It is not responsible for receiving
// what it logs (capture) nor for any table but its own.
package rules
