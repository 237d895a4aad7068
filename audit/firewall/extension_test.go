package firewall

import (
	"encoding/binary"
	"slices"
	"testing"
)

func host16(all ...uint16) (b []byte) {
	for _, v := range all {
		b = binary.NativeEndian.AppendUint16(b, v)
	}
	return b
}

func host32(all ...uint32) (b []byte) {
	for _, v := range all {
		b = binary.NativeEndian.AppendUint32(b, v)
	}
	return b
}

// conntrackInfo is struct xt_conntrack_mtinfo3, or 1 where narrow.
func conntrackInfo(flags, invert, states uint16, narrow bool) []byte {
	b := append(make([]byte, 146), host16(flags, invert)...)
	if narrow {
		b = append(b, byte(states), 0xff, 0, 0)
	} else {
		b = append(b, host16(states, 0)...)
	}
	return append(b, make([]byte, 10)...)
}

// What matches of iptables say of a PTB: of IPv4 in each state (related, invalid,
// untracked), then of IPv6 related.
func TestExtensions(t *testing.T) {
	const (
		status = 1 << 6
		same   = 0xff
	)
	mark := func(want, mask uint32, not byte) []byte { return append(host32(want, mask), not, 0, 0, 0) }
	for _, c := range []struct {
		what     string
		name     string
		revision uint32
		info     []byte
		want     [4]match
	}{
		{"invalid", "conntrack", 3, conntrackInfo(1, 0, ctInvalid, false), [4]match{no, yes, no, no}},
		{"invalid, rev. 1", "conntrack", 1, conntrackInfo(1, 0, ctInvalid, true), [4]match{no, yes, no, no}},
		{"not invalid", "conntrack", 2, conntrackInfo(1, 1, ctInvalid, false), [4]match{yes, no, yes, yes}},
		{"untracked", "conntrack", 3, conntrackInfo(1, 0, xtUntracked, false), [4]match{no, no, yes, no}},
		{"NATed", "conntrack", 3, conntrackInfo(1, 0, xtDestinationNAT, false), [4]match{maybe, no, no, maybe}},
		{"as -m state", "conntrack", 3, conntrackInfo(1|conntrackAlias, 0, ctRelated, false), [4]match{yes, no, no, yes}},
		{"state and status", "conntrack", 3, conntrackInfo(1|status, 0, ctRelated|ctInvalid, false), [4]match{maybe, yes, no, maybe}},
		{"status", "conntrack", 3, conntrackInfo(status, 0, 0, false), [4]match{maybe, no, no, maybe}},
		{"unknown revision", "conntrack", 4, conntrackInfo(1, 0, ctInvalid, false), [4]match{maybe, maybe, maybe, maybe}},
		{"cut", "conntrack", 3, make([]byte, 150), [4]match{maybe, maybe, maybe, maybe}},
		{"invalid", "state", 0, host32(ctInvalid), [4]match{no, yes, no, no}},
		{"cut", "state", 0, []byte{1}, [4]match{maybe, maybe, maybe, maybe}},
		{"untracked", "state", 0, host32(ctUntracked), [4]match{no, no, yes, no}},
		{"PTB", "icmp", 0, []byte{3, 4, 4, 0}, [4]match{yes, yes, yes, no}},
		{"unreachable, any", "icmp", 0, []byte{3, 0, 255, 0}, [4]match{yes, yes, yes, no}},
		{"unreachable, others", "icmp", 0, []byte{3, 5, 255, 0}, [4]match{no, no, no, no}},
		{"all but echo", "icmp", 0, []byte{8, 0, 255, 1}, [4]match{yes, yes, yes, yes}},
		{"any", "icmp", 0, []byte{255, 0, 255, 0}, [4]match{yes, yes, yes, no}},
		{"PTB", "icmp6", 0, []byte{2, 0, 0, 0}, [4]match{no, no, no, yes}},
		{"cut", "icmp6", 0, []byte{2, 0}, [4]match{maybe, maybe, maybe, maybe}},
		{"unset", "mark", 1, mark(0x100, 0xf00, 0), [4]match{no, no, no, no}},
		{"set", "mark", 1, mark(5, 0xff, 0), [4]match{yes, yes, yes, yes}},
		{"not set", "mark", 1, mark(5, 0xff, 1), [4]match{no, no, no, no}},
		{"unknown bits", "mark", 1, mark(0x10000, 0x10000, 0), [4]match{maybe, maybe, maybe, maybe}},
		{"cut", "mark", 1, host32(5, 0xff), [4]match{maybe, maybe, maybe, maybe}},
		{"cut", "pkttype", 0, host32(0), [4]match{maybe, maybe, maybe, maybe}},
		{"host", "pkttype", 0, host32(0, 0), [4]match{yes, yes, yes, yes}},
		{"not broadcast", "pkttype", 0, host32(1, 1), [4]match{yes, yes, yes, yes}},
		{"broadcast", "pkttype", 0, host32(1, 0), [4]match{no, no, no, no}},
		{"all DSCP", "dscp", 0, []byte{0x2e, 0, 0, 0}, [4]match{maybe, maybe, maybe, maybe}},
		{"by connection's mark", "connmark", 1, mark(1, 1, 0), [4]match{maybe, no, no, maybe}},
		{"to local", "addrtype", 1, append(host16(0, addrLocal), host32(0)...), [4]match{yes, yes, yes, yes}},
		{"not to local", "addrtype", 1, append(host16(0, addrLocal), host32(addrInvertDestination)...), [4]match{no, no, no, no}},
		{"not to local, rev. 0", "addrtype", 0, append(host16(0, addrLocal), host32(0, 1)...), [4]match{no, no, no, no}},
		{"not from local, rev. 0", "addrtype", 0, append(host16(addrLocal, 0), host32(1, 0)...), [4]match{yes, yes, yes, yes}},
		{"to local there", "addrtype", 1, append(host16(0, addrLocal), host32(addrLimitInput)...), [4]match{maybe, maybe, maybe, maybe}},
		{"to unicast", "addrtype", 1, append(host16(0, addrUnicast), host32(0)...), [4]match{no, no, no, yes}},
		{"to multicast", "addrtype", 1, append(host16(0, addrMulticast), host32(0)...), [4]match{no, no, no, no}},
		{"to anycast", "addrtype", 1, append(host16(0, addrAnycast), host32(0)...), [4]match{no, no, no, maybe}},
		{"from local", "addrtype", 1, append(host16(addrLocal, 0), host32(0)...), [4]match{no, no, no, no}},
		{"from unicast", "addrtype", 1, append(host16(addrUnicast, 0), host32(0)...), [4]match{maybe, maybe, maybe, maybe}},
		{"unknown revision", "addrtype", 2, make([]byte, 16), [4]match{maybe, maybe, maybe, maybe}},
		{"TCP", "tcp", 0, append(host16(0, 0xffff, 0, 0xffff), 0, 0, 0, 0), [4]match{no, no, no, no}},
		{"ports", "multiport", 1, nil, [4]match{no, no, no, no}},
		{"extension header", "rt", 0, nil, [4]match{no, no, no, no}},
		{"comment", "comment", 0, []byte("hello"), [4]match{yes, yes, yes, yes}},
		{"limit", "limit", 0, nil, [4]match{maybe, maybe, maybe, maybe}},
		{"not known", "frobnicate", same, []byte{1}, [4]match{maybe, maybe, maybe, maybe}},
	} {
		x := decodeExtension(c.name, c.revision, c.info)
		for i, s := range []State{Related, Invalid, Untracked, Related} {
			r := run{packet: packet{ipv6: i == 3}, state: state{reached: true, track: s.track(), mark: 5, markKnown: 0xffff}}
			if got := x.eval(&r); got != c.want[i] {
				t.Errorf("%s (%s), case %d: %v, want %v", c.name, c.what, i, got, c.want[i])
			}
		}
	}
}

// What targets of iptables do: the verdicts that they may give, the mark that is 5
// before, and what conntrack makes of a packet that it has not seen.
func TestTargets(t *testing.T) {
	goesOn := []verdictKind(nil)
	any := []verdictKind{verdictAccept, verdictDrop, verdictContinue, verdictReturn}
	for _, c := range []struct {
		what        string
		name        string
		revision    uint32
		info        []byte
		connection  bool
		verdicts    []verdictKind
		mark, known uint32
		track       track
	}{
		{"", "REJECT", 0, host32(7), false, []verdictKind{verdictDrop}, 5, 0xffff, fresh},
		{"", "DROP", 0, nil, false, []verdictKind{verdictDrop}, 5, 0xffff, fresh},
		{"", "ACCEPT", 0, nil, false, []verdictKind{verdictAccept}, 5, 0xffff, fresh},
		{"", "NFQUEUE", 3, nil, false, []verdictKind{verdictElsewhere}, 5, 0xffff, fresh},
		{"", "LOG", 0, nil, false, goesOn, 5, 0xffff, fresh},
		{"", "NOTRACK", 0, nil, false, goesOn, 5, 0xffff, untracked},
		{"--notrack", "CT", 2, host16(1, 0), false, goesOn, 5, 0xffff, untracked},
		{"--zone", "CT", 2, host16(0, 7), false, goesOn, 5, 0xffff, fresh},
		{"cut", "CT", 2, nil, false, goesOn, 5, 0xffff, fresh},
		{"--notrack in a connection", "CT", 2, host16(1, 0), true, goesOn, 5, 0xffff, related},
		{"set", "MARK", 2, host32(7, 0xffffffff), false, goesOn, 7, 0xffffffff, fresh},
		{"set a bit", "MARK", 2, host32(8, 8), false, goesOn, 13, 0xffff, fresh},
		{"turn a bit", "MARK", 2, host32(4, 0), false, goesOn, 1, 0xffff, fresh},
		{"unknown revision", "MARK", 1, host32(8, 8), false, goesOn, 0, 0, fresh},
		{"save", "CONNMARK", 1, append(host32(0, 0xff, 0xff), 1, 0, 0, 0), true, goesOn, 5, 0xffff, related},
		{"restore", "CONNMARK", 1, append(host32(0, 0xff, 0xf), 2, 0, 0, 0), true, goesOn, 0, 0xff00, related},
		{"restore without a connection", "CONNMARK", 1, append(host32(0, 0xff, 0xf), 2, 0, 0, 0), false, goesOn, 5, 0xffff, fresh},
		{"restore and shift", "CONNMARK", 2, append(host32(0, 0xff, 0xf), 0, 4, 2, 0), true, goesOn, 0, 0xf00f, related},
		{"unknown revision", "CONNMARK", 9, nil, true, goesOn, 0, 0, related},
		{"not known", "FROBNICATE", 0, nil, false, any, 0, 0, fresh | untracked},
	} {
		r := run{state: state{reached: true, track: fresh, mark: 5, markKnown: 0xffff}}
		if c.connection {
			r.track = related
		}
		decodeTarget(c.name, c.revision, c.info).eval(&r)
		var got []verdictKind
		for _, v := range r.verdicts {
			got = append(got, v.kind)
		}
		if !slices.Equal(got, c.verdicts) || r.mark != c.mark || r.markKnown != c.known || r.track != c.track {
			t.Errorf("%s %s: verdicts %v, mark %x of %x, track %b; want %v, %x of %x, %b",
				c.name, c.what, got, r.mark, r.markKnown, r.track, c.verdicts, c.mark, c.known, c.track)
		}
	}
}

// Matches and targets are told in nft's words or their own.
func TestExtensionsTold(t *testing.T) {
	for want, x := range map[string]expression{
		"ct mark …":       decodeExtension("connmark", 1, nil),
		"tcp …":           decodeExtension("tcp", 0, make([]byte, 12)),
		"udp …":           decodeExtension("udp", 0, make([]byte, 12)),
		"meta mark set …": decodeTarget("MARK", 1, nil),
		"CONNMARK …":      decodeTarget("CONNMARK", 1, append(host32(0, 0, 0), 9)),
	} {
		if got := x.tell(nil); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Where it is not known whether there is a connection, what its mark is restored to is
// not known either.
func TestRestorePerhaps(t *testing.T) {
	r := run{state: state{reached: true, track: related | invalid, mark: 5, markKnown: 0xffff}}
	decodeTarget("CONNMARK", 1, append(host32(0, 0xff, 0xf), 2, 0, 0, 0)).eval(&r)
	if r.mark != 0 || r.markKnown != 0xff00 || r.wrote.recalled != 0xff {
		t.Errorf("mark %x of %x, recalled %x", r.mark, r.markKnown, r.wrote.recalled)
	}
}
