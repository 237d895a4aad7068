package report

import (
	"slices"

	"ptbrelay/audit/check"
)

// statusView is a status as its template needs it, what is most important picked out.
type statusView struct {
	*Status
	Headline headline
	Notices  []notice
	Wrong    bool // a notice tells of a failure

	Interfaces, Config some[string]
	Peers              some[Peer]
	Findings           some[check.Finding]
	Well               int // findings that are ok
}

func viewStatus(s *Status) *statusView {
	notices := noticesOf(s)
	return &statusView{
		Status:     s,
		Headline:   headlineOf(s),
		Notices:    notices,
		Wrong:      slices.ContainsFunc(notices, func(n notice) bool { return n.Level == Failed }),
		Interfaces: first(maxShownLines, s.Interfaces),
		Config:     first(maxShownLines, s.Config),
		Peers:      first(maxShownPeers, append(peersThat(s.Peers, false), peersThat(s.Peers, true)...)),
		Findings:   first(maxShownFindings, worstFirst(s.Findings)),
		Well:       len(withSeverity(s.Findings, check.OK)),
	}
}

// some are the first of a list, and how many more there are.
type some[T any] struct {
	Shown []T
	More  int
}

func first[T any](most int, all []T) some[T] {
	kept := min(len(all), most)
	return some[T]{all[:kept], len(all) - kept}
}

// peersThat are those that are up, or those that are not.
func peersThat(all []Peer, up bool) (found []Peer) {
	for _, p := range all {
		if p.Up == up {
			found = append(found, p)
		}
	}
	return found
}

// worstFirst are the findings that are not ok.
func worstFirst(all []check.Finding) (found []check.Finding) {
	for _, s := range check.Severities() {
		if s != check.OK {
			found = append(found, withSeverity(all, s)...)
		}
	}
	return found
}
