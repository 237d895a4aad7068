package control

import (
	"slices"
	"strings"
	"testing"
)

func good() Selftest {
	return Selftest{
		Transport: "udp",
		Peers: []PeerTest{
			{Peer: "203.0.113.11:7690", Heard: true, RoundTripSeconds: 0.0002, ClockSeconds: -0.9, Delivers: "yes"},
			{Peer: "203.0.113.12:7690", Heard: true, Delivers: "yes", MissingVIPs: []string{"192.0.2.1"}},
		},
		Local: []LocalTest{
			{Family: "ipv4", OK: true, Before: 1500, After: 1499},
			{Family: "ipv6", Skipped: true, Error: "no route to a documentation address"},
		},
	}
}

func TestSelftestFindings(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Selftest)
		want   []string // findings
	}{
		{"good", func(*Selftest) {}, nil},
		{"no peers", func(s *Selftest) { s.Peers = nil }, []string{"there are no peers"}},
		{"nobody on the segment", func(s *Selftest) { s.Transport, s.Peers = "broadcast", nil }, []string{"no other ptbrelay answered"}},
		{"broadcast goes by no clock", func(s *Selftest) {
			s.Transport = "broadcast"
			s.Peers = []PeerTest{{Peer: "02:00:5e:10:00:01 on eth0", Heard: true, ClockSeconds: 90}}
		}, nil},
		{"not heard", func(s *Selftest) {
			s.Peers[1] = PeerTest{Peer: "203.0.113.12:7690", Error: "no receipt came"}
		}, []string{"203.0.113.12:7690: not heard: no receipt came"}},
		{"not heard, who knows why", func(s *Selftest) { s.Peers[1] = PeerTest{Peer: "203.0.113.12:7690"} }, []string{"203.0.113.12:7690: not heard"}},
		{"ahead", func(s *Selftest) { s.Peers[0].ClockSeconds = 1 }, []string{"203.0.113.11:7690: its clock is +1.0 s off"}},
		{"behind", func(s *Selftest) { s.Peers[0].ClockSeconds = -40 }, []string{"its clock is -40.0 s off"}},
		{"paused", func(s *Selftest) { s.Peers[0].Delivers = "paused" }, []string{"does not deliver: paused"}},
		{"dry run and clock", func(s *Selftest) { s.Peers[0].Delivers, s.Peers[0].ClockSeconds = "dry-run", 2 },
			[]string{"its clock is +2.0 s off: synchronise the clocks; does not deliver: dry-run"}},
		{"says nothing", func(s *Selftest) { s.Peers[0].Delivers = "" }, []string{"does not say whether it delivers"}},
		{"broadcast", func(s *Selftest) { s.Transport, s.Peers[0].Delivers = "broadcast", "" }, nil},
		{"broadcast, paused", func(s *Selftest) { s.Transport, s.Peers[0].Delivers = "broadcast", "paused" }, []string{"does not deliver: paused"}},
		{"error", func(s *Selftest) { s.Peers[0].Error = "half an answer" }, []string{"half an answer"}},
		{"too many", func(s *Selftest) { s.PeersLeftOut = 4 }, []string{"4 more peers"}},
		{"both proofs failed", func(s *Selftest) { s.Local[0].OK, s.Local[1].Skipped, s.Local[0].Error = false, false, "unchanged" },
			[]string{"ipv4: this kernel was not seen to apply a PTB: unchanged", "ipv6: this kernel was not seen"}},
		{"one proof failed", func(s *Selftest) { s.Local[1].Skipped = false }, []string{"ipv6: this kernel was not seen"}},
		{"all skipped", func(s *Selftest) { s.Local[0].OK, s.Local[0].Skipped = false, true }, []string{"nothing proves"}},
		{"no proofs", func(s *Selftest) { s.Local = nil }, []string{"nothing proves"}},
	} {
		s := good()
		c.change(&s)
		got := s.Findings()
		if !slices.EqualFunc(got, c.want, strings.Contains) {
			t.Errorf("%s: findings %q, want %q", c.name, got, c.want)
		}
	}
}

// An answer names a bounded number of peers and says how many it does not name.
func TestBounded(t *testing.T) {
	s := good()
	s.Peers = slices.Repeat(s.Peers, MaxPeers/2+1)
	if b := s.bounded(); len(b.Peers) != MaxPeers || b.PeersLeftOut != 2 || len(b.Findings()) == 0 {
		t.Errorf("selftest: %d peers, %d left out, findings %q", len(b.Peers), b.PeersLeftOut, b.Findings())
	}
	if b := good().bounded(); len(b.Peers) != 2 || b.PeersLeftOut != 0 {
		t.Errorf("selftest: %d of 2 peers, %d left out", len(b.Peers), b.PeersLeftOut)
	}
	if b := (Selftest{}).bounded(); b.Peers == nil {
		t.Error("no peers are no list")
	}
	snapshot := Snapshot{Peers: make([]Peer, MaxPeers+3)}
	if b := snapshot.bounded(); len(b.Peers) != MaxPeers || b.PeersLeftOut != 3 {
		t.Errorf("snapshot: %d peers, %d left out", len(b.Peers), b.PeersLeftOut)
	}
}
