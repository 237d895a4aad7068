// Package transport carries copies of PTBs to the other servers of the group.
//
// [Broadcast] puts one Ethernet broadcast frame on each interface; receivers need
// no daemon, for their kernels take the PTB as if a router had sent it. [UDP]
// seals each PTB once and sends it to every peer as a datagram of its own; peers
// open it and deliver the PTB. The rest of this text specifies that datagram, the
// envelope.
//
// A transport is not responsible for what deserves a copy (admit), nor for
// naming what became of it (relay): it says what the kernel took.
//
// # Envelope
//
// A datagram is a header in the clear, an encrypted payload and a tag over both:
//
//	0         1      2          3        4               20               28             36          36+n           52+n
//	| version | type | reserved | key id | session       | counter        | unix ms      | payload   | tag          |
//	| 1 byte  | 1    | 1        | 1      | 16 bytes      | 8 bytes, BE    | 8 bytes, BE  | n bytes   | 16 bytes     |
//
// Numbers of more than one byte are big endian (BE). The fields:
//
//   - version is 1. Another may have another layout behind this byte.
//   - type says what the payload is: 1 PTB, 2 probe, 3 receipt. 4 is kept for a PTB
//     that the receiver passes on.
//   - reserved is sent as 0 and not judged.
//   - key id tells which group key the sender used, see below.
//   - session is random and new with every start and every new key of a sender.
//   - counter is that of the datagram in its session. The first has 0, none comes
//     twice.
//   - unix ms is when the datagram was sealed, by the sender's clock, in milliseconds
//     since 1970.
//   - payload has 0 to 1280 bytes ([MaxPacket]), of a PTB at least 1; so a
//     datagram has 52 to 1332.
//
// The group key is 32 secret bytes that all members share ([LoadKeys]). HKDF is
// that of RFC 5869 with SHA-256:
//
//	session key = HKDF(group key, salt = session, info = "ptbrelay v1"), 32 bytes
//	key id      = HKDF(group key, no salt, info = "ptbrelay v1 id"), 1 byte
//	nonce       = low 32 bits of unix ms (4 bytes, BE), counter (8 bytes, BE)
//
// Payload and tag are AES-256-GCM (NIST SP 800-38D) under the session key and
// the nonce, the 36 bytes of the header being its associated data. Nothing in the
// datagram names a receiver: it is sealed once for all of them.
// testdata/envelope/vectors.json has examples with every intermediate value,
// made by another implementation.
//
// # Payloads
//
// Type 1 is an IP packet from its IP header on, as it came in from the wire. One
// longer than 1280 bytes is cut to that: IPv4 total length or IPv6 payload length,
// IPv4 header checksum and ICMP or ICMPv6 checksum are made right again, and in
// ICMP the length of the original datagram (RFC 4884 §4.1) becomes 0. ICMPv6
// Packet Too Big has no such length.
//
// Type 2 asks a member which of at most 32 VIPs it does not hold, and type 3 is its
// answer, sent to where the probe came from and believed only from where the probe
// went:
//
//	probe:   | n (1 byte) | n addresses, 16 bytes each |
//	receipt: | session of the probe (16) | counter of the probe (8, BE) | delivers (1) | n (1) | n addresses, 16 bytes each |
//
// IPv4 addresses are v4-mapped (RFC 4291 §2.5.5.2). delivers is 0 where what the
// peer is sent is injected, 1 where it would be but for dry run, 2 where it is
// paused. Bytes behind what is known are ignored, a payload that is too short as a
// whole. A probe is sent with zeros up to 1280 bytes, so that it shows what becomes
// of the longest copy, and no receipt is longer than what it answers. Over IPv6 both
// are 1380 bytes: a fabric must carry as much, for its routers do not fragment and a
// path MTU that they report is not believed, as anybody could report one.
//
// # Order of refusal
//
// A datagram ends as the first of these that holds ([DatagramResult]). Until
// "then cryptography" a refusal costs a few comparisons, and no memory.
//
//  1. bad-size: shorter than 52 bytes, longer than 1332, or a PTB of none.
//  2. bad-version: not version 1.
//  3. bad-type: not type 1, 2 or 3. A newer version may send others; they are
//     counted and ignored.
//  4. self: the session is one of the last eight of this process. Somebody sends
//     our own datagrams back to us.
//  5. stale: unix ms differs from the receiver's clock by more than the tolerance
//     (udp.tolerance), or is before this process started. This bounds what a
//     receiver must remember to tell what it had.
//  6. unauthenticated: no key has this key id. It keeps out what is meant for
//     others, and is no defence: who guesses gets through once in 256 times, who
//     listens always.
//  7. limited: the session is not known, and there are too many already (4096) or
//     too many were tried just now (below).
//  8. Then cryptography; unauthenticated: the tag is wrong.
//  9. replayed: the counter was there before, or is more than 8128 behind the
//     largest (RFC 6479), or among the last 8193 that there are.
//
// What is left is opened. The label of the type is what the header says, and
// unknown where that is cut off, of another version, or no number of the above.
//
// # Sessions
//
// A session is known after its first datagram that passed all of this; before,
// nothing is kept of it. A counter enters the window only then, so a forged one
// moves nothing. A session in which nothing was opened for two tolerances and a
// second may be forgotten: what was opened last was at most one tolerance ahead of
// the receiver's clock, so it is stale by then, and all before it too.
//
// To try an unknown session means to derive its key, which costs ten times what
// opening costs. So it is done at most 1000 times a second, after a burst of 1000:
// as many members as a group may have can be restarted at once. Datagrams whose
// source, address and port, is no peer may use half of the burst and no more, so
// those who forge from elsewhere keep no restarted peer out. Those who forge from
// the addresses of peers can, for as long as they go on; sessions that are known go
// on too. A fabric that filters sources (BCP 38) does not have them.
//
// # Replay
//
// As long as a receiver runs, it opens each datagram at most once. One that was
// restarted has no windows any more. It refuses what was sealed before its start,
// by its own clock. So once more it opens only what was sealed by a sender whose
// clock is ahead of its own: with a clock that is two seconds ahead, what that
// sender sealed in the last two seconds before the start. A clock that is ahead by
// more than the tolerance is not heard at all, and after a tolerance even that is
// stale.
//
// The same holds for a receiver whose clock is set back (for what was sealed in
// the time that it lives through twice, in sessions that it has forgotten), for one
// that was restored from a snapshot (for what it opened after the snapshot), and for
// a group key that is taken away and put back within two tolerances.
//
// What that gains an attacker: a PTB that was true a moment ago is judged once
// more, by policy, dedup and budgets as any other. The kernel of the flow's owner
// then ignores it, if the flow has gone on, and never raises an MTU by it.
//
// A sender that was restored from a snapshot goes on with the session and the
// counters that it had. The time in the nonce keeps it from using a nonce twice, as
// long as its clock has moved on: no counter may be used again in the same
// millisecond (modulo 2^32, which is 50 days). That holds for a restored host, and
// not for two clones that run side by side: restart the daemon in each. Peers
// call its datagrams replayed until its counter has passed the old one; a restart
// mends that too.
//
// # Keys
//
// The first key of a file seals, all open. A group changes its key without losing
// a message in three steps, each finished on all members before the next begins:
//
//  1. Append the new key: all can open it.
//  2. Move it to the first line: one after the other seals with it.
//  3. Remove the old key, at the latest when it may have been seen by others.
//
// With a key go the sessions that it opened.
//
// Without a key file the group key is 32 zero bytes, if that is asked for
// ([InsecureKeys]). It is the same format, and keeps out accidents only: whoever
// reaches the port can have PTBs of their choice delivered, within policy and
// budgets.
//
// # What it does not do
//
// Who has the group key is a member: nothing tells members apart, and one can
// fill the table of sessions or seal what no router sent. There is no forward
// secrecy: who gets the key later can open what they recorded earlier.
//
// Hidden are the packets, and with them the addresses of clients and routers and
// the first bytes of what the VIP sent. Not hidden are the members' addresses, and
// for each datagram its type, size and time, how many its session had before, and
// so how often PTBs come, how long their quotes are, and when a daemon or its
// key was replaced.
//
// A datagram may be given to a member that did not get it, within the tolerance;
// it was meant for that one too. A probe that is recorded and sent from elsewhere
// is answered to elsewhere, with a sealed receipt, at most 100 a second, of whose
// burst half is kept for peers. Who can send from a dead peer's address can have
// another member's receipt pass for its own.
package transport
