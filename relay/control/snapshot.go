package control

import (
	"encoding/json"
	"time"
)

// MaxPeers is how many peers an answer names at most.
const MaxPeers = 4096

// Snapshot is the state of a daemon. Counts are since its start; a map leaves
// out what is 0. The keys of the maps are metric labels, in the order of the
// names in the comments.
type Snapshot struct {
	Version       string    `json:"version"`
	Started       time.Time `json:"started"`
	UptimeSeconds float64   `json:"uptime_seconds"`
	Paused        bool      `json:"paused"`
	DryRun        bool      `json:"dry_run"`
	Transport     string    `json:"transport"`
	// Interfaces are those that copies are broadcast on.
	Interfaces []string `json:"interfaces,omitempty"`
	// Listen are the addresses that copies come and go by.
	Listen []string `json:"listen,omitempty"`
	// Group is the NFLOG group.
	Group uint16 `json:"group"`
	// Config are the keys that differ from their defaults, as "key: value".
	Config []string `json:"config,omitempty"`

	// Received is by from and family.
	Received map[string]map[string]uint64 `json:"received"`
	// Verdicts is by from, family and verdict.
	Verdicts map[string]map[string]map[string]uint64 `json:"verdicts"`
	// Outcomes is by family and outcome.
	Outcomes map[string]map[string]uint64 `json:"outcomes"`
	// Deliveries is by family and delivery. Broadcast has none, and neither the
	// two that follow.
	Deliveries map[string]map[string]uint64 `json:"deliveries,omitempty"`
	// Datagrams is by type and result.
	Datagrams map[string]map[string]uint64 `json:"datagrams,omitempty"`
	// Applied is by family and result.
	Applied    map[string]map[string]uint64 `json:"applied,omitempty"`
	Copies     uint64                       `json:"copies"`
	SendErrors uint64                       `json:"send_errors"`
	// CaptureLost is by reason.
	CaptureLost map[string]uint64 `json:"capture_lost"`
	// Guarded says something only where GuardedKnown: a table that others loaded
	// may not be there.
	Guarded      uint64 `json:"guarded"`
	GuardedKnown bool   `json:"guarded_known"`

	// Peers are at most MaxPeers.
	Peers []Peer `json:"peers"`
	// PeersLeftOut is how many more there are.
	PeersLeftOut int `json:"peers_left_out,omitempty"`
	// Audit is the report of the audit, as `audit --daemon --format json` prints
	// it.
	Audit json.RawMessage `json:"audit,omitempty"`
}

// bounded leaves out the peers above MaxPeers.
func (s Snapshot) bounded() Snapshot {
	s.Peers, s.PeersLeftOut = firstPeers(s.Peers, s.PeersLeftOut)
	return s
}

// firstPeers keeps at most MaxPeers and adds to leftOut how many it does not
// keep. None is an empty list, for scripts.
func firstPeers[P any](all []P, leftOut int) ([]P, int) {
	if all == nil {
		return []P{}, leftOut
	}
	kept := min(len(all), MaxPeers)
	return all[:kept], leftOut + len(all) - kept
}

// Peer is a peer in a [Snapshot].
type Peer struct {
	// Address is address:port.
	Address string `json:"address"`
	// Sources are those that name the peer: static, file, dns.
	Sources []string `json:"sources,omitempty"`
	Up      bool     `json:"up"`
	// LastHeard is zero, and absent, where the peer never answered; so is
	// RoundTripSeconds.
	LastHeard        time.Time `json:"last_heard,omitzero"`
	RoundTripSeconds float64   `json:"round_trip_seconds,omitempty"`
}
