// Package classify says what a received packet is.
//
// A [Decoder] takes the bytes of one IP packet and finds out whether they are
// a whole and sound PTB (ICMP "fragmentation needed", type 3 code 4, RFC 1191;
// ICMPv6 "Packet Too Big", type 2, RFC 4443 §3.2) whose quote names a flow. A
// [Policy] then judges what the PTB claims. Together they end in exactly one
// [Verdict]; structure is judged before policy, and within both the order of
// the Verdict constants is the order of judgement.
//
// The package takes no part in anything else. It has no clock, no socket, no
// logger, no metrics, no goroutine and no lock, and builds on every OS. It is
// not responsible for
//
//   - the IPv4 header checksum: the kernel drops such packets before any hook;
//   - whether an address is local: who calls fills [Policy.VIPs];
//   - duplicates and rates: that is admission, after the verdict;
//   - whether a socket owns the flow, or its sequence number fits: only the
//     owner's kernel can tell;
//   - the ICV of an authentication header: only the kernel has the keys;
//   - changing packets: [Message.Packet] is meant to be copied verbatim.
//
// Nothing here returns an error for a packet. Hostile input is a verdict.
package classify
