// Package admit decides which eligible messages are worth a copy (Admitter) or
// an injection (Intake): dedup first, then buckets.
//
// A relay turns one packet into many and anyone on the Internet can send PTBs.
// What tells a real one from a spoofed one is time: a black-holed sender
// retransmits and provokes another PTB about the same flow, a spoofer that
// sprays random flows does not. So every bucket keeps a reserve for flows that
// come back:
//
//	level                                   may empty a bucket down to
//	first-timer                             half of its burst
//	first-timer behind a known router       a quarter
//	comeback that had a copy                an eighth
//	comeback                                the last token
//
// Tables are of a fixed size allocated at start, hashed with a seed of this
// process, and expire lazily. A full one gives up what is worth least: the
// oldest sighting, the fullest bucket. Time is an argument: nanoseconds on a
// clock that does not jump, so that a capture can be replayed on its own clock.
//
// An Admitter or Intake belongs to one goroutine: there is no lock and no
// allocation in Admit. The package is not responsible for what a packet is
// (classify), for sending it (transport), or for counting its own answers
// (relay).
package admit
