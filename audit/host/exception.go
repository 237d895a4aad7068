package host

// How many exceptions a next hop surely holds: when they are as many, the kernel
// may evict the oldest for a new one. They are in hash buckets, whose depth it
// draws anew each time, so that there may be almost twice as many.
const (
	// ExceptionLimit4 is FNHE_HASH_SIZE buckets of FNHE_RECLAIM_DEPTH and one
	// (update_or_create_fnhe in net/ipv4/route.c); never more than 20480.
	ExceptionLimit4 = 2048 * 6
	// ExceptionLimit6 is FIB6_EXCEPTION_BUCKET_SIZE buckets of FIB6_MAX_DEPTH
	// (rt6_insert_exception in net/ipv6/route.c); never more than 9216. A kernel
	// before 6.3 also bounds those of all next hops together, by
	// net.ipv6.route.max_size, 4096.
	ExceptionLimit6 = 1024 * 5
)

// Exceptions are the path MTUs that the kernel has learned, by family.
type Exceptions struct{ IPv4, IPv6 ExceptionSet }

// ExceptionSet counts the exceptions of a family. Of IPv4 the kernel shows only
// those that a packet has used since (fnhe_dump_bucket in net/ipv4/route.c), so
// there may be more of them.
type ExceptionSet struct {
	Count int
	// MTUs is how many there are of each path MTU in bytes, at most MaxKept
	// different ones; OtherMTUs counts those of further ones.
	MTUs      map[uint32]int
	OtherMTUs int
	// Most is how many the next hop with the most has: the kernel bounds them by
	// next hop.
	Most int
	// Partial: there are more than were looked at, so every number is a least.
	Partial bool
}
