package host

// NeighbourState is what the kernel knows of a neighbour's link-layer address:
// NUD_* of linux/neighbour.h.
type NeighbourState uint16

// The states of a neighbour; the zero NeighbourState: the kernel has no entry,
// for it never asked or has forgotten.
const (
	NeighbourIncomplete NeighbourState = 0x01
	NeighbourReachable  NeighbourState = 0x02
	NeighbourStale      NeighbourState = 0x04
	NeighbourDelay      NeighbourState = 0x08
	NeighbourProbe      NeighbourState = 0x10
	NeighbourFailed     NeighbourState = 0x20
	NeighbourNoARP      NeighbourState = 0x40
	NeighbourPermanent  NeighbourState = 0x80
)

// String returns the word that ip neighbour shows, in lower case; "none" for the
// zero NeighbourState.
func (s NeighbourState) String() string {
	switch s {
	case 0:
		return "none"
	case NeighbourIncomplete:
		return "incomplete"
	case NeighbourReachable:
		return "reachable"
	case NeighbourStale:
		return "stale"
	case NeighbourDelay:
		return "delay"
	case NeighbourProbe:
		return "probe"
	case NeighbourFailed:
		return "failed"
	case NeighbourNoARP:
		return "noarp"
	case NeighbourPermanent:
		return "permanent"
	}
	return "unknown"
}

// Neighbour is an entry of the neighbour tables.
type Neighbour struct {
	State NeighbourState
	MAC   MAC // zero where it is not known
}
