// Package deliver is the receiving side of one server: PTBs that peers sent,
// judged and admitted anew, and injected into this host's kernel.
//
//	Handle → Decode → Classify → Verdict
//	                              └→ eligible → not local, as known?
//	                                          → admit.Intake: dedup, peer and delivery buckets
//	                                          → paused? local? owned? dry run?
//	                                          → inject → Delivery ─ a sample → Applied?
//
// Nothing that a peer sends costs a question to the kernel before admission. An
// answer that is remembered comes first all the same: a message for a VIP that
// is not here must not take the tokens of those that are, nor open a window that
// makes its successor a duplicate when the VIP is back a moment later.
//
// # Injection
//
// The packet goes to the VIP by a raw socket that can send on the loopback
// interface only, and comes in again there. Whether a VIP is local is known from
// the FIB and forgotten with the first word of a change; but that word takes a
// moment, and in it a packet for a VIP that has gone must not leave the host by
// its default route. So it is not left to the FIB:
//
//   - IPv4: a packet out of a socket bound to lo is delivered here whatever the
//     FIB says (RTCF_LOCAL, __mkroute_output in net/ipv4/route.c).
//   - IPv6: with such a socket the kernel finds local routes of lo only (strict
//     RT6_LOOKUP_F_IFACE, net/ipv6/route.c): VIPs on lo and AnyIP prefixes. It
//     answers ENETUNREACH for the VIP of another interface. That one is given to
//     lo as a broadcast frame, for it is routed like any that comes in, and one
//     that is not for this host is never forwarded (ip6_forward in
//     net/ipv6/ip6_output.c). Only drop_unicast_in_l2_multicast of lo, which
//     nobody sets, would lose it.
//
// MSG_DONTROUTE would not do: IPv6 does not know it, and IPv4 still takes a route
// of scope link. In IPv4 the kernel fills in an identification that is 0, the
// total length and the header checksum; what the ICMP checksum covers stays as it
// came. It all takes CAP_NET_RAW and nothing else.
//
// # Owned
//
// The kernel is asked for the flow's socket. One that is bound to the VIP and
// connected to nobody owns every UDP flow of its port, for the kernel thinks so
// too; a listening TCP socket owns none. Where the kernel cannot tell (SCTP,
// DCCP, no sock_diag), the packet is injected. Sockets of other network
// namespaces are not seen.
//
// # Applied
//
// For a sample of what is injected, the path MTU of the flow is read before and
// after, so that a [Result] says whether it did any good.
//
// The package is not responsible for how packets come from peers, nor for who a
// peer is (package transport); and what a peer sent is never relayed again, for
// nothing here can send to one.
package deliver
