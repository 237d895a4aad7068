package host

// LogGroup is an NFLOG group that a socket is bound to.
type LogGroup struct {
	Group  uint16
	PortID uint32 // of the netlink socket
	// PID and Name are of the process that holds the socket, of several the one
	// with the lowest number; 0 and "" where it could not be found, as that of
	// another user or outside this PID namespace.
	PID  int
	Name string // at most 15 bytes (proc_pid_comm(5))
	Self bool   // it is the calling process
}
