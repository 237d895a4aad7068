package host

// MAC is an Ethernet address.
type MAC [6]byte

// Link is one network interface.
type Link struct {
	Index    int
	Name     string
	MTU      uint32 // bytes, without the link-layer header
	MAC      MAC    // zero where Ethernet is false
	Ethernet bool   // frames have an Ethernet header
	Loopback bool
	Up       bool // administratively
	Running  bool // has carrier: what is sent leaves the host
}
