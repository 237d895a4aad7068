package peers

import (
	"log/slog"
	"net/netip"
	"slices"
	"testing"
)

// Where there are too many, what the operator wrote stays, whatever addresses a
// resolver says.
func TestTooManyKeepsWhatWasWritten(t *testing.T) {
	p := New(Config{}, slog.New(slog.DiscardHandler))
	r := newRun(p, func([]netip.AddrPort) {})
	address := netip.MustParseAddr("198.18.0.1")
	var set []Peer
	for range maxPeers {
		set = append(set, Peer{netip.AddrPortFrom(address, 7690), []string{DNSName}})
		address = address.Next()
	}
	for _, source := range []string{Static, File} {
		set = append(set, Peer{netip.AddrPortFrom(address, 7690), []string{source}})
		address = address.Next()
	}
	written := slices.Clone(set[maxPeers:])
	kept := r.bound(set)
	if len(kept) != maxPeers {
		t.Fatalf("%d peers kept", len(kept))
	}
	if !slices.IsSortedFunc(kept, func(a, b Peer) int { return a.Address.Compare(b.Address) }) {
		t.Error("not sorted by address")
	}
	for _, w := range written {
		if !slices.ContainsFunc(kept, func(k Peer) bool { return k.Address == w.Address }) {
			t.Errorf("%v of %v was left out for an answer of DNS", w.Address, w.Sources)
		}
	}
}
