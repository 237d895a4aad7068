package host

// Program is a BPF program, or another filter, that sees packets of an interface
// before nftables does.
type Program struct {
	Interface int    // index of the link
	Kind      string // "xdp", "tc ingress", "tcx ingress"
	Name      string // as the kernel shows it; may be empty
	ID        uint32 // of the BPF program; 0: not known, or none
}
