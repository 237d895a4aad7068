// Package lab builds a small Internet out of network namespaces in which the
// loss of path MTU discovery behind ECMP can be seen, counted and healed.
//
// A client with many addresses, an ISP whose link to the client has a small
// MTU, an ECMP router that hashes on ports, and N servers that all hold the same
// service addresses (VIPs). In shape l2 the servers are on one Ethernet segment:
//
//	client ── isp ── router ── switch ─┬─ server0
//	                                   ├─ server1
//	                                   └─ server2
//
// In shape l3 each is on a routed link of its own, with reverse path filtering
// strict on both of its ends, so one server reaches another by the router only:
//
//	client ── isp ── router ─┬─ server0
//	                         ├─ server1
//	                         └─ server2
//
// A server's full-size packet does not fit the link from the ISP to the
// client; the ISP answers with a PTB (ICMP fragmentation needed, ICMPv6 Packet
// Too Big) to the VIP, and the router hashes that PTB to a server of its own
// choosing. Flows owned by another server stall.
//
// A program calls [Enter] first: it runs itself again inside new network and
// mount namespaces (and, where it is not root, a user namespace), so nothing
// here touches the host. Then [New] builds the network over netlink,
// [Lab.Downloads] and [Lab.Probes] put load on it, [Node.Tap] shows what
// crossed a wire, [Node.Start] runs this very binary on a node, and
// [Lab.Close] ends everything. Namespaces have no names: they are held by
// file descriptors and threads, and are gone when those are.
//
// Only documentation addresses are used (RFC 5737, RFC 3849).
//
// The package is not responsible for what the started daemon does or how it
// is configured, for judging whether a result is good enough, for packets
// other than TCP and UDP in its load, and not for building packets: it parses
// just enough of a PTB to tell which flow it is about. It runs on Linux only.
package lab
