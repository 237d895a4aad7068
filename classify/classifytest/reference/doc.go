// Package reference judges packets a second time, to hold package classify
// against: gopacket reads every header that it can read, one at a time, and
// what it does not know is written here from the RFCs, in the plainest way.
// Nothing but the names of verdicts, families and flows is shared with what it
// is compared to. It is slow, allocates, and takes no part in the product.
//
// Where gopacket gives up, the reading says so, and the verdict is that of a
// packet which nobody can read.
package reference
