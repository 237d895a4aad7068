package host

import "time"

// Counters are what the kernel has counted that concerns path MTU, since the
// network namespace began (/proc/net/snmp, snmp6 and netstat).
type Counters struct {
	At time.Time // of the reading
	// PTBIn are ICMP messages of type 3, destination unreachable, for the kernel
	// does not count their codes; PTBIn6 are ICMPv6 Packet Too Big.
	PTBIn, PTBIn6 uint64
	// OutOfWindow are ICMP messages whose quote did not fit the connection that
	// it names: forged, or late.
	OutOfWindow uint64
	// ProbeSuccess and ProbeFail are ends of TCP's own path MTU probes.
	ProbeSuccess, ProbeFail uint64
	// FragFails and FragFails6 are packets that were too big to be sent or
	// forwarded and must not be fragmented.
	FragFails, FragFails6 uint64
	// Opened are TCP connections accepted, and those opened, both families.
	Opened uint64
	// Retransmitted are TCP segments.
	Retransmitted uint64
}
