package host

// Socket is a socket that the kernel found for a flow.
type Socket struct {
	// Listening: a TCP socket that would take a new connection; the flow itself
	// has none here.
	Listening bool
	// Connected: to the remote address and port, so the flow is its own. Of TCP
	// also what is left after a connection (TIME_WAIT) and what comes before it
	// (SYN_RECV), whose PathMTU is 0.
	Connected bool
	// PathMTU in bytes that a TCP connection sends by (tcpi_pmtu); 0: not known.
	PathMTU uint32
	// Cookie is the kernel's name for the socket, the same as SO_COOKIE.
	Cookie uint64
}
