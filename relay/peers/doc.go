// Package peers gathers the addresses of the other servers from every source
// that the configuration names (a static list, a watched file, a DNS name) and
// keeps one merged set of them.
//
// A source that fails keeps what it last gave: a resolver that is down, a file
// that vanishes or holds a bad line cost the group none of its members. So does
// a source whose configuration changes, until the new one has given something.
// Only a source that is no longer configured gives up its addresses at once.
//
// What is this server's own is left out of the set, by the function given to
// [Peers.SetOwn] and by nothing else: a loopback address is a peer like any
// other where that function does not claim it.
//
// The set says who could be sent to. Whether a peer is there, and sending, is
// the transport's part.
package peers
