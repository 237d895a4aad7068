package control

import (
	"fmt"
	"math"
	"strings"
)

// broadcast is the transport whose peers nobody names.
const broadcast = "broadcast"

// maxClock is how far the clock of a peer may be off, in seconds.
const maxClock = 1

// Selftest is what a daemon found when it tried.
type Selftest struct {
	Transport string `json:"transport"`
	// Paused and DryRun are of the daemon that tries.
	Paused bool `json:"paused"`
	DryRun bool `json:"dry_run"`
	// Peers are at most MaxPeers.
	Peers []PeerTest `json:"peers"`
	// PeersLeftOut is how many more there are.
	PeersLeftOut int `json:"peers_left_out,omitempty"`
	// Local is one proof a family that this kernel applies a PTB.
	Local []LocalTest `json:"local"`
}

// PeerTest is what became of a probe to one peer.
type PeerTest struct {
	Peer string `json:"peer"`
	// Heard says that the peer answered; without that only Error says something.
	Heard            bool    `json:"heard"`
	RoundTripSeconds float64 `json:"round_trip_seconds"`
	// ClockSeconds is the peer's clock minus ours, give or take half of the round
	// trip.
	ClockSeconds float64 `json:"clock_seconds"`
	// Delivers says whether the peer would inject: "yes", "dry-run" or "paused".
	// It is empty with broadcast, where the peers' kernels need nobody to.
	Delivers string `json:"delivers"`
	// MissingVIPs are those of our VIPs that are not local there.
	MissingVIPs []string `json:"missing_vips,omitempty"`
	Error       string   `json:"error,omitempty"`
}

// LocalTest is one proof that this kernel applies a PTB.
type LocalTest struct {
	Family string `json:"family"`
	OK     bool   `json:"ok"`
	// Skipped says that nothing could be tried; Error says why.
	Skipped bool `json:"skipped,omitempty"`
	// Earlier says that what an earlier selftest taught is in force still, which
	// proves it as well.
	Earlier bool `json:"earlier,omitempty"`
	// Source and Destination are those of the flow that it was tried on.
	Source      string `json:"source,omitempty"`
	Destination string `json:"destination,omitempty"`
	// Before and After are path MTUs in bytes.
	Before uint32 `json:"before,omitempty"`
	After  uint32 `json:"after,omitempty"`
	Error  string `json:"error,omitempty"`
}

// bounded leaves out the peers above MaxPeers.
func (s Selftest) bounded() Selftest {
	s.Peers, s.PeersLeftOut = firstPeers(s.Peers, s.PeersLeftOut)
	return s
}

// Findings says what keeps a PTB from healing, one sentence each. There are none
// where this daemon holds nothing back, every peer was heard, has the right time and delivers, and this kernel
// applies one; that there are no peers, or that nothing could be proved, is one. A
// VIP that a peer lacks is none, for a peer may serve others.
func (s Selftest) Findings() []string {
	var found []string
	if s.Paused {
		found = append(found, "this daemon is paused: nothing is sent or injected until `ptbrelay resume`")
	}
	if s.DryRun {
		found = append(found, "this daemon is in dry run: nothing is sent or injected while relay.dry_run is true")
	}
	if len(s.Peers) == 0 {
		found = append(found, nobody(s.Transport))
	}
	for i := range s.Peers {
		if text := s.Peers[i].finding(s.Transport); text != "" {
			found = append(found, s.Peers[i].Peer+": "+text)
		}
	}
	if s.PeersLeftOut > 0 {
		found = append(found, fmt.Sprintf("%d more peers are not told of", s.PeersLeftOut))
	}
	return append(found, localFindings(s.Local)...)
}

// finding is what is wrong with the peer, or empty.
func (p *PeerTest) finding(transport string) string {
	var wrong []string
	if !p.Heard {
		return "not heard" + because(p.Error)
	}
	if p.Error != "" {
		wrong = append(wrong, p.Error)
	}
	if transport != broadcast && math.Abs(p.ClockSeconds) >= maxClock { // only udp goes by clocks
		wrong = append(wrong, fmt.Sprintf("its clock is %+.1f s off: synchronise the clocks", p.ClockSeconds))
	}
	switch {
	case p.Delivers == "yes", p.Delivers == "" && transport == broadcast:
	case p.Delivers == "":
		wrong = append(wrong, "does not say whether it delivers")
	default:
		wrong = append(wrong, "does not deliver: "+p.Delivers)
	}
	return strings.Join(wrong, "; ")
}

// nobody is what is wrong where no peer was heard of.
func nobody(transport string) string {
	if transport == broadcast {
		return "no other ptbrelay answered: nothing proves that frames get to the other servers"
	}
	return "there are no peers: nobody gets a copy"
}

func localFindings(tests []LocalTest) (found []string) {
	proved := false
	for _, l := range tests {
		proved = proved || l.OK
		if !l.OK && !l.Skipped {
			found = append(found, fmt.Sprintf("%s: this kernel was not seen to apply a PTB%s", l.Family, because(l.Error)))
		}
	}
	if !proved && len(found) == 0 {
		found = append(found, "nothing proves that this kernel applies a PTB")
	}
	return found
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}
