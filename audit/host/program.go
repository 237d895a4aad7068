package host

// MaxPrograms is how many programs are read at most, of all links.
const MaxPrograms = 4096

// Program is a BPF program, or another filter, that sees packets of an interface
// before nftables does.
type Program struct {
	Interface int    // index of the link
	Kind      string // "xdp", "tc ingress", "tcx ingress"
	// Name of the BPF program, as the kernel shows it; for xdp and tcx it does so
	// to root alone, to others it is empty. Of a filter without a name its kind:
	// "flower", "bpf".
	Name string
	ID   uint32 // of the BPF program; 0: classic BPF, or no BPF
}

// The kinds of a Program, in the order in which they see a packet.
const (
	kindXDP = "xdp"
	kindTCX = "tcx ingress"
	kindTC  = "tc ingress"
)
