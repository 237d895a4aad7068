package report

import (
	"fmt"
	"strings"

	"ptbrelay/audit/check"
)

// headline is what is most important to know.
type headline struct {
	Level Kind // good, held or failed
	Says  string
	Means string
}

func headlineOf(s *Status) headline {
	switch {
	case !s.Capturing:
		return headline{Failed, "Not capturing", "It starts or stops: nothing is captured, relayed or delivered."}
	case s.Paused:
		return headline{Held, "Paused", "It captures, judges and counts; nothing is sent or injected until ptbrelay resume."}
	case s.DryRun:
		return headline{Held, "Dry run", "It captures, judges and counts; nothing is sent or injected while relay.dry_run is true."}
	}
	return headline{Good, "Capturing", "It gives a copy of each PTB that is eligible and new to its peers."}
}

// notice is something to look at, and where on the page there is more of it.
type notice struct {
	Level Kind // failed or limited
	Says  string
	At    string // an id
}

// noticesOf says what deserves a look, what is so now before what was once.
func noticesOf(s *Status) (all []notice) {
	say := func(level Kind, at, format string, args ...any) {
		all = append(all, notice{level, fmt.Sprintf(format, args...), at})
	}
	if s.ConfigRefused {
		say(Failed, "daemon", "Configuration refused: the file was read again and is wrong, the old one stays in force. The log says why.")
	}
	if n := len(s.Waiting); n > 0 {
		say(Limited, "daemon", "waiting for a restart: %s of the file", plural(uint64(n), "key"))
	}
	if n := len(withSeverity(s.Findings, check.Error)); n > 0 {
		say(Failed, "findings", "%s found on this host", plural(uint64(n), "error"))
	}
	if n := len(withSeverity(s.Findings, check.Warning)); n > 0 {
		say(Limited, "findings", "%s found on this host", plural(uint64(n), "warning"))
	}
	if down := len(peersThat(s.Peers, false)); down > 0 {
		say(Limited, "peers", "%d of %s down", down, plural(uint64(len(s.Peers)), "peer"))
	}
	for _, t := range []struct {
		id    string
		table Table
	}{{"losses", s.Sent}, {"wire-ended", s.Wire.Ended}, {"peer-ended", s.Peer.Ended}, {"datagrams", s.Datagrams}} {
		if failures := t.table.failures(); failures != "" {
			say(Limited, t.id, "Since the start: %s", failures)
		}
	}
	return all
}

// failures names the rows that should be 0 and are not.
func (t Table) failures() string {
	var said []string
	for _, r := range t.Rows {
		if n := r.sum(); n > 0 && r.Kind == Failed {
			said = append(said, thousands(n)+" "+r.Name)
		}
	}
	return strings.Join(said, ", ")
}
