// Package control is the daemon's local socket: the server that `ptbrelay run`
// opens, the client that pause, resume, watch and selftest are made of, and the
// hub that the messages to watch come from.
//
// # Protocol
//
// A unix stream socket, mode 0600: whoever may open it may do all. A connection
// carries one request, which is a line of JSON, of at most 4096 bytes and within
// 5 seconds; then come the answers, each a line of JSON; then the server closes.
//
//	{"command":"pause"}      {"paused":true,"changed":true}     changed: it was not so before
//	{"command":"resume"}     {"paused":false,"changed":true}
//	{"command":"snapshot"}   a [Snapshot]
//	{"command":"selftest"}   a [Selftest], after seconds; one runs at a time
//	{"command":"watch"}      {"watching":true}, then an [Event] a line, without end
//
// A request to watch may have "client" (an address or prefix), "verdict" and
// "outcome" (of an outcome or a delivery, by its name): only messages that match
// all of them are shown. What is wrong with a request, or with the server, is
// answered by
//
//	{"error":"what, and what to do"}
//
// Unknown commands and fields are wrong. A client ends watch or selftest by
// closing its connection, or the sending half of it. New fields may be added to
// answers; those that are there keep name and meaning.
//
// # Events
//
//	{"time":"2026-01-31T12:00:00.000001Z","from":"wire","family":"ipv4","verdict":"eligible",
//	 "outcome":"relayed","router":"198.51.100.1","vip":"192.0.2.1","vip_port":443,
//	 "client":"203.0.113.9","client_port":50000,"protocol":"tcp","mtu":1400,"skipped":17}
//
// on one line. from is "wire", or the address of the peer that sent the copy; then
// there is "delivery" in the place of "outcome". Either is there only where the
// verdict is "eligible". What a message was refused too early to tell is absent.
//
// # Bounds
//
// 16 connections, of which 8 may watch. A watcher is shown 200 events a second,
// 200 more after a calm; the bucket is its own and only what its filter lets
// through takes from it. "skipped" counts what matched since the line before and
// was not shown; where no event comes to tell it, a line with nothing but time and
// skipped does, after a second at most. Who does not read for 2 seconds is dropped.
// Nothing that a client does makes a message wait.
//
// The package is not responsible for what a request does (that is the [Daemon]'s), nor
// for telling users of the socket apart: there is one.
package control
