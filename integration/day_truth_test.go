package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"ptbrelay/audit/check"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/control"
)

// truth checks that of every daemon the selftest, the page and the metrics say what
// is so, at once or soon.
func (d *day) truth() {
	d.t.Helper()
	tests := make(map[int]*lab.Process)
	for _, i := range d.running() {
		tests[i] = labtest.Start(d.t, d.Servers[i], "selftest", "--format", "json")
	}
	for _, i := range d.running() {
		d.checkTested(i, tests[i])
	}
	for _, i := range d.running() {
		labtest.Eventually(d.t, 5*time.Second, "page and metrics of "+d.Servers[i].Name()+" are true", func() error {
			return d.untrue(i)
		})
	}
}

// checkTested compares a selftest with what is so.
func (d *day) checkTested(server int, p *lab.Process) {
	d.t.Helper()
	code, printed := ended(d.t, p)
	var got tested
	if err := json.Unmarshal([]byte(printed), &got); err != nil {
		d.t.Fatalf("exit code %d, %v:\n%s", code, err, printed)
	}
	for _, l := range got.Local {
		if !l.OK || l.Skipped {
			d.t.Errorf("selftest of server %d: no proof: %+v", server, l)
		}
	}
	for i := range got.Peers {
		x := &got.Peers[i]
		checkHeard(d.t, *x)
		if x.Heard != (x.Error == "") {
			d.t.Errorf("selftest of server %d: %+v", server, x)
		}
		x.RoundTripSeconds, x.ClockSeconds, x.Error = 0, 0, ""
	}
	if m := d.members[server]; got.Paused != m.paused || got.DryRun != m.dryRun {
		d.t.Errorf("selftest of server %d: paused %v and dry run %v, want %v and %v", server, got.Paused, got.DryRun, m.paused, m.dryRun)
	}
	want, wantCode := d.selftestOf(server)
	if diff := cmp.Diff(want, got.Peers); diff != "" || code != wantCode || len(got.Local) != 2 {
		d.t.Errorf("selftest of server %d: exit code %d, want %d; -want +got:\n%s", server, code, wantCode, diff)
	}
}

// selftestOf is what a true one finds.
func (d *day) selftestOf(server int) (want []control.PeerTest, code int) {
	if m := d.members[server]; m.paused || m.dryRun {
		code = 1
	}
	for _, i := range d.others(server) {
		p, m := control.PeerTest{Peer: d.peerAt(i)}, d.members[i]
		if d.hears(server, i) {
			p.Heard, p.Delivers = true, "yes"
			switch {
			case m.paused:
				p.Delivers = "paused"
			case m.dryRun:
				p.Delivers = "dry-run"
			}
			if m.drained {
				p.MissingVIPs = []string{d.VIP(lab.IPv4).String(), d.VIP(lab.IPv6).String()}
			}
		}
		if p.Delivers != "yes" {
			code = 1
		}
		want = append(want, p)
	}
	return want, code
}

// untrue is what a server's page or metrics say that is not so.
func (d *day) untrue(server int) error {
	node := d.Servers[server]
	before, err := labtest.TryMetrics(d.t.Context(), node, labtest.MetricsURL)
	if err != nil {
		return err
	}
	page, err := pageOf(d.t, node)
	if err != nil {
		return err
	}
	after, err := labtest.TryMetrics(d.t.Context(), node, labtest.MetricsURL)
	if err != nil {
		return err
	}
	return errors.Join(page.differs(before, after), d.pageLies(server, page), d.metricsLie(server, after))
}

// differs compares the page with the metrics just before and after it.
func (s shown) differs(before, after map[string]float64) error {
	var errs []error
	for metric, n := range s.numbers {
		was, ok := before[metric]
		if is := after[metric]; !ok || n < min(was, is) || n > max(was, is) {
			errs = append(errs, fmt.Errorf("the page says %s %v, the metrics %v and %v", metric, n, was, is))
		}
	}
	if len(s.numbers) == 0 {
		errs = append(errs, errors.New("there are no numbers on the page"))
	}
	found := withName(after, "audit_findings")
	maps.DeleteFunc(found, func(metric string, n float64) bool {
		return n == 0 || strings.Contains(metric, fmt.Sprintf("severity=%q", check.OK))
	})
	if diff := cmp.Diff(found, s.findings); diff != "" {
		errs = append(errs, fmt.Errorf("findings: -metrics +page:\n%s", diff))
	}
	return errors.Join(errs...)
}

// pageLies compares words of a page with what is so.
func (d *day) pageLies(server int, page shown) error {
	m := d.members[server]
	want := map[string]string{
		"capturing": "yes", "transport": "udp", "paused": yesNo(m.paused), "dry-run": yesNo(m.dryRun), "config": "good",
	}
	if m.refused {
		want["config"] = "refused"
	}
	got := make(map[string]string)
	for name := range want {
		got[name] = page.states[name]
	}
	var errs []error
	if diff := cmp.Diff(want, got); diff != "" {
		errs = append(errs, fmt.Errorf("states on the page: -want +got:\n%s", diff))
	}
	if diff := cmp.Diff(d.peersOf(server), page.peers); diff != "" {
		errs = append(errs, fmt.Errorf("peers on the page: -want +got:\n%s", diff))
	}
	up, err := time.ParseDuration(strings.NewReplacer(" ", "", "min", "m").Replace(page.states["uptime"]))
	if since := time.Since(m.started); err != nil || up > since || up < since-5*time.Second {
		errs = append(errs, fmt.Errorf("up for %q, want %v (%w)", page.states["uptime"], since, err))
	}
	return errors.Join(errs...)
}

// finds waits until the page of a server says that VIPs are not here, or no more. A
// daemon checks its host when it starts, and later the more seldom the longer that
// takes.
func (d *day) finds(server int, want bool) {
	d.t.Helper()
	labtest.Eventually(d.t, 30*time.Second, fmt.Sprintf("VIPs are found missing on %s: %v", d.Servers[server].Name(), want), func() error {
		page, err := pageOf(d.t, d.Servers[server])
		if err == nil && (page.findings[findingMetric("vip-not-here", check.Info)] > 0) != want {
			err = errNotYet
		}
		return err
	})
}

// metricsLie compares metrics with what is so.
func (d *day) metricsLie(server int, metrics map[string]float64) error {
	m, peers := d.members[server], d.peersOf(server)
	want := map[string]float64{
		"ptbrelay_paused": 0, "ptbrelay_config_reload_success": 1,
		peersMetric("static", "up"): 0, peersMetric("static", "down"): 0,
	}
	if m.paused {
		want["ptbrelay_paused"] = 1
	}
	if m.refused {
		want["ptbrelay_config_reload_success"] = 0
	}
	for _, state := range peers {
		want[peersMetric("static", state)]++
	}
	got := make(map[string]float64)
	for metric := range want {
		got[metric] = metrics[metric]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("metrics: -want +got:\n%s", diff)
	}
	return nil
}

// peersOf says of a server's peers whether they are up.
func (d *day) peersOf(server int) map[string]string {
	states := make(map[string]string)
	for _, i := range d.others(server) {
		states[d.peerAt(i)] = "up"
	}
	for _, i := range d.members[server].dead {
		states[d.peerAt(i)] = "down"
	}
	return states
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
