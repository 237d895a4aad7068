// Package classifytest builds packets to test with: PTBs that are right in
// every field, and PTBs that are broken in one.
//
// The bytes are put together here by the RFCs, with a checksum routine of its
// own; nothing is borrowed from what the packets test. The package does not
// import testing, so that a lab or a benchmark can use it. It is not
// responsible for sending anything, and does not know how to parse a packet.
package classifytest
