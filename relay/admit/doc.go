// Package admit decides which eligible messages are worth a copy: dedup first,
// then the node's bucket.
//
// A relay turns one packet into many and anyone on the Internet can send PTBs,
// so every table here is of a fixed size allocated at start, hashed with a seed
// of this process, and expires lazily. Time is an argument: nanoseconds on a
// clock that does not jump, so that a capture can be replayed on its own clock.
//
// An Admitter belongs to one goroutine: there is no lock and no allocation in
// Admit. It is not responsible for what a packet is (classify), for sending it
// (transport), or for counting its own answers (relay).
package admit
