package statuspage

import (
	"fmt"

	"ptbrelay/audit"
	"ptbrelay/audit/check"
	"ptbrelay/audit/report"
	"ptbrelay/classify"
	"ptbrelay/cmd/ptbrelay/app/words"
	"ptbrelay/relay"
	"ptbrelay/relay/deliver"
	"ptbrelay/relay/outcome"
	"ptbrelay/relay/transport"
)

// byFamilies are the columns of most tables, and familyLabels the labels that they
// stand for. That of packets that are not IP is rarely needed.
var (
	byFamilies   = []report.Column{{Name: "IPv4"}, {Name: "IPv6"}, {Name: "unknown", Rare: true}}
	familyLabels = []string{classify.IPv4.String(), classify.IPv6.String(), classify.FamilyUnknown.String()}
)

// rows has a row for each of a closed set.
func rows[T ~uint8](set []words.Word, name func(T) string, counts func(name string) []report.Count) []report.Row {
	all := make([]report.Row, len(set))
	for i, w := range set {
		n := name(T(i))
		all[i] = report.Row{Name: n, Means: w.Means, Kind: w.Kind, Counts: counts(n)}
	}
	return all
}

// ofFamilies has a row for each of a closed set, and a column a family.
func ofFamilies[T ~uint8](e exported, set []words.Word, name func(T) string, metric, label string) report.Table {
	return report.Table{Columns: byFamilies, Rows: rows(set, name, func(n string) []report.Count {
		return e.along("family", familyLabels, metric, label, n)
	})}
}

func (e exported) wire() report.Stage {
	return e.stage(relay.FromWire, ofFamilies(e, words.Outcomes[:], outcome.Outcome.String, "ptbrelay_outcomes_total", "outcome"))
}

func (e exported) peer() report.Stage {
	return e.stage(relay.FromPeer, ofFamilies(e, words.Deliveries[:], outcome.Delivery.String, "ptbrelay_deliveries_total", "outcome"))
}

// stage begins with what all that is received is hoped to be.
func (e exported) stage(from string, ended report.Table) report.Stage {
	verdicts := rows(words.Verdicts[:], classify.Verdict.String, func(v string) []report.Count {
		return e.along("family", familyLabels, "ptbrelay_verdicts_total", "from", from, "verdict", v)
	})
	last := len(verdicts) - 1 // eligible
	verdicts = append(verdicts[last:], verdicts[:last]...)
	return report.Stage{
		Received: report.Row{Name: "received", Counts: e.along("family", familyLabels, "ptbrelay_received_total", "from", from)},
		Verdicts: report.Table{Columns: byFamilies, Rows: verdicts},
		Ended:    ended,
	}
}

func (e exported) applied() report.Table {
	return ofFamilies(e, words.Applied[:], deliver.Result.String, "ptbrelay_applied_total", "result")
}

// datagrams has the types in columns; of those that nobody sends there are none.
func (e exported) datagrams() report.Table {
	of := []transport.Type{transport.TypePTB, transport.TypeProbe, transport.TypeReceipt, transport.TypePassOn, transport.TypeUnknown}
	t := report.Table{}
	labels := make([]string, len(of))
	for i, o := range of {
		labels[i] = o.String()
		t.Columns = append(t.Columns, report.Column{Name: o.String(), Rare: o == transport.TypePassOn || o == transport.TypeUnknown})
	}
	t.Rows = rows(words.Datagrams[:], transport.DatagramResult.String, func(r string) []report.Count {
		return e.along("type", labels, "ptbrelay_datagrams_total", "result", r)
	})
	return t
}

func (e exported) peers() report.Table {
	t := report.Table{}
	var states []string
	for s := range relay.NumPeerStates {
		states = append(states, s.String())
		t.Columns = append(t.Columns, report.Column{Name: s.String()})
	}
	for s := range relay.NumPeerSources {
		t.Rows = append(t.Rows, report.Row{Name: s.String(), Counts: e.along("state", states, "ptbrelay_peers", "source", s.String())})
	}
	return t
}

// sent is about copies, and about what did not come or go as it should.
func (e exported) sent(transport string) report.Table {
	row := func(name, means string, kind report.Kind, metric string, labels ...string) report.Row {
		return report.Row{Name: name, Means: means, Kind: kind, Counts: []report.Count{e.count(metric, labels...)}}
	}
	return report.Table{Columns: []report.Column{{Name: "all"}}, Rows: []report.Row{
		row("copies", "the kernel took them", report.Good, "ptbrelay_copies_total", "transport", transport),
		row("send errors", "copies that the kernel did not take", report.Failed, "ptbrelay_send_errors_total", "transport", transport),
		row("lost: overrun", "messages that found the receive buffer full (capture.buffer)", report.Failed, "ptbrelay_capture_lost_total", "reason", "overrun"),
		row("lost: gap", "messages that the kernel did not hand over", report.Failed, "ptbrelay_capture_lost_total", "reason", "gap"),
		row("guarded", "came faster than rules.node_guard: left to the host's own stack", report.Limited, "ptbrelay_guarded_total"),
		row("rules reinstalled", "others changed the nftables table, and it was put back", report.Failed, "ptbrelay_rules_reinstalled_total"),
	}}
}

func (e exported) kernel() report.Table {
	row := func(name, means, metric string, labels ...string) report.Row {
		return report.Row{Name: name, Means: means, Counts: []report.Count{e.count(metric, labels...)}}
	}
	return report.Table{Columns: []report.Column{{Name: "all"}}, Rows: []report.Row{
		row("IPv4 PTBs in", "copies from peers included; all ICMP of type 3, which the kernel does not tell apart", "ptbrelay_kernel_ptb_in_total", "family", "ipv4"),
		row("IPv6 PTBs in", "copies from peers included", "ptbrelay_kernel_ptb_in_total", "family", "ipv6"),
		row("out of window", "ICMP errors that fit no segment under way: forged or late", "ptbrelay_kernel_out_of_window_icmps_total"),
		row("probes: success", "TCP's own path MTU probes that succeeded", "ptbrelay_kernel_mtup_total", "result", "success"),
		row("probes: fail", "and those that failed", "ptbrelay_kernel_mtup_total", "result", "fail"),
		row("IPv4 too big", "packets that could not be sent or forwarded whole", "ptbrelay_kernel_frag_fails_total", "family", "ipv4"),
		row("IPv6 too big", "", "ptbrelay_kernel_frag_fails_total", "family", "ipv6"),
	}}
}

// routes are those of the tagged ones that are exported, each series once.
func (e exported) routes(tagged []audit.TaggedRoute) report.Table {
	t := report.Table{Columns: []report.Column{{Name: "MTU"}}}
	seen := make(map[string]bool)
	for _, r := range tagged {
		for _, family := range familyLabels {
			c := e.count("ptbrelay_route_mtu_bytes", "family", family, "prefix", r.Prefix,
				"table", fmt.Sprint(r.Table), "locked", fmt.Sprint(r.Locked))
			if c.Absent || seen[c.Metric] {
				continue
			}
			seen[c.Metric] = true
			means := fmt.Sprintf("table %d", r.Table)
			if r.Locked {
				means += ", locked"
			}
			t.Rows = append(t.Rows, report.Row{Name: r.Prefix, Means: means, Counts: []report.Count{c}})
		}
	}
	return t
}

// checks has the severities in columns.
func (e exported) checks() report.Table {
	t := report.Table{}
	var severities []string
	for _, s := range check.Severities() {
		severities = append(severities, string(s))
		t.Columns = append(t.Columns, report.Column{Name: string(s)})
	}
	for _, c := range check.All() {
		t.Rows = append(t.Rows, report.Row{Name: c.ID, Counts: e.along("severity", severities, "ptbrelay_audit_findings", "check", c.ID)})
	}
	return t
}
