// Package transport carries copies of PTBs to the other servers of the group.
//
// Broadcast puts one Ethernet broadcast frame on each interface; receivers need
// no daemon, for their kernels take the PTB as if a router had sent it.
//
// A transport is not responsible for what deserves a copy (admit), nor for
// naming what became of it (relay): it says what the kernel took.
package transport
