package host

// Exceptions are the path MTUs that the kernel has learned, by family.
type Exceptions struct{ IPv4, IPv6 ExceptionSet }

// ExceptionSet counts the exceptions of a family.
type ExceptionSet struct {
	Count int
	// MTUs is how many there are of each path MTU in bytes, at most MaxKept
	// different ones; OtherMTUs counts those of further ones.
	MTUs      map[uint32]int
	OtherMTUs int
	// Most is how many the next hop with the most has: the kernel bounds them by
	// next hop.
	Most int
}
