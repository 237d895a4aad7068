package integration

import (
	"strings"
	"testing"

	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// Without privileges what cannot be read is unknown, whether or not a fault is there,
// and the rest is found.
func TestDoctorAsNobody(t *testing.T) {
	e := newEdge(t, lab.Options{}, "")
	t.Setenv(asNobody, "1")
	groups, owner := []string{"unknown nflog-busy"}, "unknown nflog-busy"
	if !ofRoot(t) { // there is no user but the one that the namespace belongs to: groups can be read, but not whose they are
		groups, owner = nil, "unknown nflog-busy NFLOG group 33"
	}
	unread := []string{"unknown broadcast-dropped"}
	if !showsExpiry6(e.Node) {
		unread = append(unread, "unknown pmtu-floor")
	}
	unread = append(unread, "unknown conntrack-invalid-drop", "unknown icmp-filtered", "unknown bpf-before-us")
	checkSudo(t, checkDoctor(t, e.Node, append(unread, groups...)))

	labtest.Drop(t, e.Node, lab.MatchPTB(lab.IPv4))
	e.takeGroup(33)
	e.tag(lab.IPv6, 1280, false)
	e.forget("2001:db8:3::1/128")
	want := append([]string{"warning route-mtu-tag ::/0 table main metric 1024", "error local-route-missing 2001:db8:3::1"}, unread...)
	checkSudo(t, checkDoctor(t, e.Node, append(want, owner)))
}

// checkSudo fails the test unless doctor says, of what it could not read and root can,
// how that is done.
func checkSudo(t *testing.T, d diagnosis) {
	t.Helper()
	for _, f := range d {
		hidden := f.severity == severityUnknown && f.id != "pmtu-floor"
		if hidden != strings.Contains(f.mend, "sudo ptbrelay doctor") {
			t.Errorf("%s: mend is %q", f, f.mend)
		}
	}
}
