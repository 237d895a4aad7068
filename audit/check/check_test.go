package check

import (
	"io/fs"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The ids and their order are what users and their scripts rely on.
func TestAll(t *testing.T) {
	want := []string{
		"route-mtu-tag", "nexthop-unreachable", "nexthop-unexpected", "local-route-missing",
		"vip-subnet-router-anycast", "vip-not-here", "listens-on-vip", "source-selection-cost", "ecn-multipath",
		"rp-filter", "broadcast-dropped", "pmtu-disabled", "pmtu-floor", "mtu-probing",
		"conntrack-invalid-drop", "icmp-filtered", "bpf-before-us", "ipv6-multipath-exceptions",
		"nflog-busy", "exceptions-full", "clock", "counters",
	}
	var ids []string
	for _, c := range All() {
		ids = append(ids, c.ID)
	}
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Errorf("wanted (-), found (+):\n%s", diff)
	}
}

// A healthy host has nothing wrong with it, and every check says what it read.
func TestHealthyHost(t *testing.T) {
	found := Examine(facts())
	for _, finding := range found {
		if finding.Severity != OK && finding.Severity != Info || finding.Read == "" {
			t.Errorf("%+v", finding)
		}
	}
	expectEach(t, found)
}

// Where nothing could be read nothing is well, but for what only the configuration
// decides.
func TestNothingRead(t *testing.T) {
	byConfiguration := []string{"clock", "vip-not-here"}
	found := Examine(unread(errRead))
	for _, finding := range found {
		if finding.Severity != Unknown && !slices.Contains(byConfiguration, finding.ID) {
			t.Errorf("%+v", finding)
		}
	}
	expectEach(t, found)
}

// Who may not read is told to come back as root.
func TestForbidden(t *testing.T) {
	for _, finding := range Examine(unread(fs.ErrPermission)) {
		if finding.Severity == Unknown && finding.Mend != "sudo ptbrelay doctor" {
			t.Errorf("%+v", finding)
		}
	}
}

// Facts that nobody filled in are no reason to panic, and sysctls that were not
// read are not known.
func TestZeroFacts(t *testing.T) {
	found := Examine(&Facts{})
	expectEach(t, found)
	for _, id := range []string{"pmtu-disabled", "mtu-probing"} {
		for _, finding := range examine(t, id, &Facts{}) {
			if finding.Severity != Unknown {
				t.Errorf("%+v", finding)
			}
		}
	}
}

// expectEach has a finding of every check, in their order, with a severity of the
// closed set.
func expectEach(t *testing.T, found []Finding) {
	t.Helper()
	var ids, want []string
	for _, f := range found {
		if !slices.Contains(Severities(), f.Severity) {
			t.Errorf("severity %q of %s", f.Severity, f.ID)
		}
		ids = append(ids, f.ID)
	}
	for _, c := range All() {
		want = append(want, c.ID)
	}
	if diff := cmp.Diff(want, slices.Compact(ids)); diff != "" {
		t.Errorf("checks (-), findings (+):\n%s", diff)
	}
}
