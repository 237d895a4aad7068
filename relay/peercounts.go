package relay

// PeerSource is where peers' addresses come from.
type PeerSource uint8

// The sources.
const (
	StaticPeers PeerSource = iota
	FilePeers
	DNSPeers

	// NumPeerSources is for arrays indexed by PeerSource.
	NumPeerSources
)

// String is the source's name, which is also its metric label.
func (s PeerSource) String() string { return [NumPeerSources]string{"static", "file", "dns"}[s] }

// PeerState is what is known of a peer.
type PeerState uint8

// The states.
const (
	// PeerUp: it answered a probe a moment ago.
	PeerUp PeerState = iota
	// PeerDown: it did not, or not yet. Copies are sent to it all the same.
	PeerDown
	// PeerUnresolved: a name or file that gave no address.
	PeerUnresolved

	// NumPeerStates is for arrays indexed by PeerState.
	NumPeerStates
)

// String is the state's name, which is also its metric label.
func (s PeerState) String() string { return [NumPeerStates]string{"up", "down", "unresolved"}[s] }

// PeerCounts is how many peers there are; one that two sources name counts in
// both.
type PeerCounts [NumPeerSources][NumPeerStates]int
