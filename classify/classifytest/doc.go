// Package classifytest builds packets to test with: PTBs that are right in
// every field, and PTBs that are broken in one.
//
// The bytes are put together here by the RFCs, with a checksum routine of its
// own; nothing is borrowed from what the packets test. A [Mutator] breaks them, the
// same way for the same seed. The package does not import testing, so that a lab or
// a benchmark can use it. It is not responsible for sending anything, and reads no
// more of a packet than it takes to mend its lengths and checksums; package
// reference, below, reads them.
package classifytest
