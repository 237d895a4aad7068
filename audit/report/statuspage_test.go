package report

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"ptbrelay/audit"
	"ptbrelay/audit/check"
)

var families3 = []Column{{Name: "IPv4"}, {Name: "IPv6"}, {Name: "unknown", Rare: true}}

// row has the three families.
func row(name, means string, kind Kind, metric, label string, counts ...uint64) Row {
	r := Row{Name: name, Means: means, Kind: kind}
	for i, n := range counts {
		family := []string{"ipv4", "ipv6", "unknown"}[i]
		r.Counts = append(r.Counts, Count{Metric: fmt.Sprintf("ptbrelay_%s_total{family=%q,%s=%q}", metric, family, label, name), Value: n})
	}
	return r
}

// one is a table with a column.
func one(rows ...Row) Table { return Table{Columns: []Column{{Name: "all"}}, Rows: rows} }

func single(name, means string, kind Kind, n uint64) Row {
	metric := "ptbrelay_" + strings.ReplaceAll(name, " ", "_") + "_total"
	return Row{Name: name, Means: means, Kind: kind, Counts: []Count{{Metric: metric, Value: n}}}
}

// sizesOf is a distribution of values and counts in turn, the largest value first.
func sizesOf(metric, family string, pairs ...uint64) Sizes {
	s := Sizes{Values: audit.Values{Family: family}}
	for i := 0; i < len(pairs); i += 2 {
		s.Samples += pairs[i+1]
	}
	above := uint64(0)
	for i := 0; i < len(pairs); i += 2 {
		above += pairs[i+1]
		s.Counts = append(s.Counts, audit.Count{
			Bytes: uint32(pairs[i]), MTU: uint32(pairs[i]), Count: pairs[i+1],
			Share: float64(pairs[i+1]) / float64(s.Samples), Cumulative: float64(above) / float64(s.Samples),
		})
	}
	s.Total = Count{Metric: fmt.Sprintf("%s{family=%q}", metric, family), Value: s.Samples}
	return s
}

// busy is a member of a routed group on a bad day.
func busy() *Status {
	started := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	now := started.Add(49*time.Hour + 7*time.Minute)
	return &Status{
		Host: "edge-17.example.net", Version: "v1.2.3", Started: started, Now: now,
		Capturing: true, Transport: "udp", Listen: []string{"198.51.100.129:7690", "[2001:db8:3::1]:7690"},
		Config:     []string{`vips: ["192.0.2.1", "2001:db8:ffff::1"]`, "policy.ports: [80, 443]", "relay.transport: udp", "udp.key_file: /run/credentials/ptbrelay.service/key"},
		ConfigRead: started.Add(time.Hour), ConfigRefused: true,
		Waiting: []string{`http.listen: "localhost:7690" -> "198.51.100.129:7690"`},
		Wire: Stage{
			Received: row("received", "", Plain, "received", "from", 48210, 39117, 3),
			Verdicts: Table{families3, []Row{
				row("eligible", "believable", Good, "verdicts", "verdict", 46900, 38800, 0),
				row("not-ip", "no IP header, or not all of it", Refused, "verdicts", "verdict", 0, 0, 3),
				row("bad-checksum", "every receiver would drop it", Refused, "verdicts", "verdict", 0, 0, 0),
				row("quote-mismatch", "quotes a packet that the VIP did not send: forged, or NAT", Refused, "verdicts", "verdict", 900, 12, 0),
				row("mtu-too-small", "reports an MTU below policy.mtu.min4 or min6", Refused, "verdicts", "verdict", 410, 305, 0),
			}},
			Ended: Table{families3, []Row{
				row("relayed", "the kernel took at least one copy", Good, "outcomes", "outcome", 30120, 29700, 0),
				row("dry-run", "would have been relayed", Held, "outcomes", "outcome", 0, 0, 0),
				row("duplicate", "the same flow and MTU had a copy a moment ago", Spared, "outcomes", "outcome", 14280, 8100, 0),
				row("limited-router", "the budget of the router's network was used up", Limited, "outcomes", "outcome", 2500, 1000, 0),
				row("send-failed", "the kernel took none of the copies", Failed, "outcomes", "outcome", 0, 0, 0),
			}},
		},
		Peer: Stage{
			Received: row("received", "", Plain, "received_from_peers", "from", 91004, 88012, 0),
			Verdicts: Table{families3, []Row{
				row("eligible", "believable", Good, "peer_verdicts", "verdict", 91004, 88000, 0),
				row("foreign-vip", "is about an address that is not served here", Refused, "peer_verdicts", "verdict", 0, 12, 0),
			}},
			Ended: Table{families3, []Row{
				row("injected", "the kernel took it", Good, "deliveries", "outcome", 90000, 87000, 0),
				row("not-local", "the VIP is not local here", Spared, "deliveries", "outcome", 1004, 990, 0),
				row("inject-failed", "the kernel did not take it", Failed, "deliveries", "outcome", 0, 10, 0),
			}},
		},
		Applied: Table{families3, []Row{
			row("applied", "the kernel's path MTU sank", Good, "applied", "result", 412, 377, 0),
			row("ignored", "it is as large as before: forged, or the flow has moved on", Refused, "applied", "result", 3, 0, 0),
		}},
		Datagrams: Table{
			[]Column{{Name: "ptb"}, {Name: "probe"}, {Name: "receipt"}, {Name: "unknown", Rare: true}},
			[]Row{{Name: "opened", Means: "sealed by a member, and new", Kind: Good, Counts: []Count{
				{Metric: `ptbrelay_datagrams_total{result="opened",type="ptb"}`, Value: 179016},
				{Metric: `ptbrelay_datagrams_total{result="opened",type="probe"}`, Value: 88123},
				{Metric: `ptbrelay_datagrams_total{result="opened",type="receipt"}`, Value: 88122},
				{Metric: `ptbrelay_datagrams_total{result="opened",type="unknown"}`},
			}}},
		},
		Sent: one(
			single("copies", "the kernel took them", Good, 119640),
			single("send errors", "copies that the kernel did not take", Failed, 0),
			single("lost", "messages that found the receive buffer full (capture.buffer)", Failed, 17),
			Row{Name: "guarded", Means: "came faster than rules.node_guard: left to the host's own stack", Kind: Limited, Counts: []Count{{Metric: "ptbrelay_guarded_total", Absent: true}}},
		),
		NextHopMTU: []Sizes{
			sizesOf("ptbrelay_next_hop_mtu_bytes_count", "ipv4", 1492, 12880, 1480, 3120, 1476, 1900, 1460, 410, 1450, 820, 1440, 9, 1436, 1500, 1428, 40, 1420, 9100, 1400, 16000, 1280, 1211, 576, 310),
			sizesOf("ptbrelay_next_hop_mtu_bytes_count", "ipv6", 1492, 2880, 1480, 8120, 1420, 410, 1280, 27700),
		},
		Exceptions: []Sizes{
			sizesOf("ptbrelay_pmtu_exceptions", "ipv4", 1492, 88, 1400, 120),
			{Values: audit.Values{Family: "ipv6"}, Total: Count{Metric: `ptbrelay_pmtu_exceptions{family="ipv6"}`}},
		},
		Kernel: one(single("IPv4 PTBs in", "all ICMP of type 3, which the kernel does not tell apart", Plain, 60123), single("out of window", "ICMP errors that fit no segment under way: forged or late", Plain, 811)),
		Routes: Table{[]Column{{Name: "MTU"}}, []Row{{Name: "::/0", Means: "table 254, locked", Counts: []Count{{Metric: `ptbrelay_route_mtu_bytes{family="ipv6",locked="true",prefix="::/0",table="254"}`, Value: 1280}}}}},
		PeerCounts: Table{[]Column{{Name: "up"}, {Name: "down"}, {Name: "unresolved"}}, []Row{
			{Name: "static", Counts: []Count{{Metric: `ptbrelay_peers{source="static",state="up"}`, Value: 2}, {Metric: `ptbrelay_peers{source="static",state="down"}`, Value: 1}, {Metric: `ptbrelay_peers{source="static",state="unresolved"}`}}},
		}},
		Peers: []Peer{
			{Address: "198.51.100.131:7690", Sources: []string{"static"}, Up: true, LastHeard: now.Add(-3 * time.Second), RoundTrip: 170 * time.Microsecond},
			{Address: "[2001:db8:3:ffff:ffff:ffff:ffff:1234]:7690", Sources: []string{"static", "dns"}},
			{Address: "198.51.100.133:7690", Sources: []string{"static"}, Up: true, LastHeard: now.Add(-time.Second), RoundTrip: 31 * time.Millisecond},
		},
		HostRead: true,
		Findings: []check.Finding{
			{ID: "clock", Severity: check.OK, Read: "synchronised"},
			{ID: "route-mtu-tag", Severity: check.Warning, Subject: "::/0 table main metric 1024", Read: "routing tables: mtu 1280, the interface's MTU is 1500",
				Why: "No packet by this route is larger than the tag, though the interface carries more; tunnels that need more fail.", Mend: "ip -6 route change table main metric 1024 default via fe80::1 dev eth0 mtu 0"},
			{ID: "conntrack-invalid-drop", Severity: check.Error, Subject: "inet filter input", Read: "nftables: table inet filter chain input: ct state invalid drop, and notrack for 192.0.2.1", Why: "Every PTB dies here."},
			{ID: "mtu-probing", Severity: check.Info, Read: "net.ipv4.tcp_mtu_probing = 0", Why: "The kernel's own second defence is off.", Mend: "sysctl -w net.ipv4.tcp_mtu_probing=1"},
		},
		Checks: Table{[]Column{{Name: "error"}, {Name: "ok"}}, []Row{{Name: "clock", Counts: []Count{{Metric: `ptbrelay_audit_findings{check="clock",severity="error"}`}, {Metric: `ptbrelay_audit_findings{check="clock",severity="ok"}`, Value: 1}}}}},
	}
}

// young has just started, and nothing has come yet.
func young() *Status {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	return &Status{
		Host: "edge", Version: "devel", Started: now, Now: now, ConfigRead: now, Transport: "broadcast", Interfaces: []string{"eth0"},
		Wire:       Stage{Received: row("received", "", Plain, "received", "from", 0, 0, 0), Verdicts: Table{families3, []Row{row("eligible", "believable", Good, "verdicts", "verdict", 0, 0, 0)}}},
		NextHopMTU: []Sizes{{Values: audit.Values{Family: "ipv4"}, Total: Count{Metric: `ptbrelay_next_hop_mtu_bytes_count{family="ipv4"}`}}},
	}
}

// crowded has more of everything than is shown.
func crowded() *Status {
	s := busy()
	for i := range 4096 {
		s.Peers = append(s.Peers, Peer{Address: fmt.Sprintf("198.18.%d.%d:7690", i/256, i%256), Up: i%2 == 0})
	}
	for i := range 1000 {
		s.Findings = append(s.Findings, check.Finding{ID: "rp-filter", Severity: check.Warning, Subject: fmt.Sprint("eth", i)})
		s.Config = append(s.Config, fmt.Sprint("key: ", i))
		s.Interfaces = append(s.Interfaces, fmt.Sprint("eth", i))
	}
	return s
}

// greatest has the greatest numbers that there are.
func greatest() *Status {
	s := busy()
	for _, t := range []Table{s.Wire.Verdicts, s.Wire.Ended, s.Peer.Ended, s.Sent} {
		for _, r := range t.Rows {
			for i := range r.Counts {
				r.Counts[i].Value = math.MaxUint64
			}
		}
	}
	return s
}

// evil is what others may have written; it must stay text.
const evil = `</title><script>alert(1)</script>"'&<svg onload=x>` + "\x1b[31m\u202e\n"

// hostile has names that others chose.
func hostile() *Status {
	s := busy()
	s.Host, s.Interfaces, s.Config = evil, []string{evil}, []string{evil}
	s.Findings = []check.Finding{{ID: "rp-filter", Severity: check.Error, Subject: evil, Read: evil, Why: evil, Mend: evil}}
	return s
}

func render(t testing.TB, s *Status) string {
	t.Helper()
	var b strings.Builder
	if err := StatusPage(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestStatusPage(t *testing.T) {
	withoutInline := strings.NewReplacer(statusStyle, "", statusScript, "") // they are files of their own
	golden(t, "statuspage_busy.html", withoutInline.Replace(render(t, busy())))
	golden(t, "statuspage_young.html", withoutInline.Replace(render(t, young())))
}

// Whatever the values are, the page is whole HTML that everybody can read, and that
// leads nowhere else.
func TestStatusPageSound(t *testing.T) {
	for name, s := range map[string]*Status{
		"busy": busy(), "young": young(), "crowded": crowded(), "greatest": greatest(), "hostile": hostile(), "empty": {},
	} {
		t.Run(name, func(t *testing.T) {
			page := render(t, s)
			checkClosed(t, page)
			root, err := html.Parse(strings.NewReader(page))
			if err != nil {
				t.Fatal(err)
			}
			checkElements(t, root)
			checkPolicy(t, root)
		})
	}
}

// checkClosed checks that elements end in the order in which they begin.
func checkClosed(t *testing.T, page string) {
	t.Helper()
	void := map[string]bool{"meta": true, "link": true}
	var open []string
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			if len(open) > 0 || !errors.Is(z.Err(), io.EOF) {
				t.Errorf("not closed: %v, %v", open, z.Err())
			}
			return
		case html.StartTagToken:
			if name, _ := z.TagName(); !void[string(name)] {
				open = append(open, string(name))
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				t.Fatalf("</%s> within %v", name, open)
			}
			open = open[:len(open)-1]
		case html.TextToken, html.SelfClosingTagToken, html.CommentToken, html.DoctypeToken:
		}
	}
}

func checkElements(t *testing.T, root *html.Node) {
	t.Helper()
	ids, refers := make(map[string]bool), []string{}
	count := make(map[string]int)
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		count[n.Data]++
		attributes := make(map[string]string)
		for _, a := range n.Attr {
			attributes[a.Key] = a.Val
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "src" {
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
		}
		if id := attributes["id"]; id != "" {
			if ids[id] {
				t.Errorf("id %q is there twice", id)
			}
			ids[id] = true
		}
		refers = append(refers, strings.Fields(attributes["aria-labelledby"])...)
		switch n.Data {
		case "table":
			if first := strings.TrimSpace(n.FirstChild.Data); first != "caption" && n.FirstChild.NextSibling.Data != "caption" {
				t.Error("a table without a caption")
			}
		case "svg":
			if attributes["role"] != "img" || n.FirstChild.Data != "title" || n.FirstChild.FirstChild == nil {
				t.Error("a picture without a title")
			}
		case "th":
			if attributes["scope"] == "" {
				t.Error("a head without a scope")
			}
		case "html":
			if attributes["lang"] != "en" {
				t.Error("no language")
			}
		case "a", "link":
			to := attributes["href"]
			if at, within := strings.CutPrefix(to, "#"); within {
				refers = append(refers, at)
			} else if !slices.Contains([]string{"data:,", "metrics", "healthz", "readyz"}, to) {
				t.Errorf("<%s href=%q>", n.Data, to)
			}
		}
	}
	for _, id := range refers {
		if !ids[id] {
			t.Errorf("nothing has the id %q", id)
		}
	}
	count["title"] = len(elements(root, "head", "title")) // pictures have theirs
	for _, name := range []string{"title", "h1", "main", "script", "style"} {
		if count[name] != 1 {
			t.Errorf("%d elements %s", count[name], name)
		}
	}
}

// elements are the children with that name of those with the other.
func elements(root *html.Node, parent, name string) (found []*html.Node) {
	for n := range root.Descendants() {
		if n.Data == name && n.Parent.Data == parent {
			found = append(found, n)
		}
	}
	return found
}

// checkPolicy checks that what the page brings along is what the policy lets run.
func checkPolicy(t *testing.T, root *html.Node) {
	t.Helper()
	for parent, name := range map[string]string{"head": "style", "body": "script"} {
		for _, n := range elements(root, parent, name) {
			if want := name + "-src " + allowed(n.FirstChild.Data) + ";"; !strings.Contains(StatusPolicy(), want) {
				t.Errorf("the policy %q lacks %q", StatusPolicy(), want)
			}
		}
	}
	if !strings.HasPrefix(StatusPolicy(), "default-src 'none'; ") || strings.Contains(StatusPolicy(), "unsafe") {
		t.Errorf("the policy is %q", StatusPolicy())
	}
}

// Text of others stays text, and shows nothing that misleads.
func TestStatusPageHostile(t *testing.T) {
	page := render(t, hostile())
	for _, bad := range []string{"<script>alert", "<svg onload", "\x1b", "\u202e"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if !strings.Contains(page, "&lt;script&gt;alert(1)") {
		t.Error("the text is not there")
	}
}

// What is too much is counted, and those that somebody should look at come first.
func TestStatusPageBounded(t *testing.T) {
	page := render(t, crowded())
	for what, want := range map[string]int{
		`data-peer="`:            maxShownPeers,
		`data-finding="`:         maxShownFindings,
		`<li><code>`:             maxShownLines + 1, // and one that waits
		`data-state="peer">up`:   0,
		`data-state="peer">down`: maxShownPeers,
		"and 3899 more":          1, // peers
		"and 903 more":           1, // findings
		"and 904 more":           1, // of the configuration
	} {
		if n := strings.Count(page, what); n != want {
			t.Errorf("%d times %s, want %d", n, what, want)
		}
	}
	if first, second := strings.Index(page, `data-severity="error"`), strings.Index(page, `data-severity="warning"`); first < 0 || first > second {
		t.Error("an error comes after warnings")
	}
}

// The state that matters most is said first.
func TestHeadline(t *testing.T) {
	for _, c := range []struct {
		capturing, paused, dryRun bool
		want                      string
	}{
		{false, true, true, "Not capturing"},
		{true, true, true, "Paused"},
		{true, false, true, "Dry run"},
		{true, false, false, "Capturing"},
	} {
		page := render(t, &Status{Capturing: c.capturing, Paused: c.paused, DryRun: c.dryRun})
		if !strings.Contains(page, `<p class="headline">`+c.want+"</p>") || !strings.Contains(page, "<title>"+c.want+":") {
			t.Errorf("%+v: it says something else", c)
		}
	}
	if notices := noticesOf(young()); len(notices) > 0 {
		t.Errorf("nothing is wrong, and it says %v", notices)
	}
}

// The parts of a picture fill it, and none is too small to be seen.
func TestStrip(t *testing.T) {
	s := drawStrip("id", "Received", []Row{single("many", "", Good, 1e12), single("none", "", Held, 0), single("one", "", Failed, 1)})
	if len(s.Parts) != 2 || s.Parts[1].Width < 1 || s.Parts[1].X+s.Parts[1].Width != 340 {
		t.Errorf("%+v", s)
	}
	if want := "Received: 1\u202f000\u202f000\u202f000\u202f000 many (100.0 %), 1 one (0.0 %)"; s.Title != want {
		t.Errorf("%q, want %q", s.Title, want)
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 59 * time.Second: "59 s", 61 * time.Second: "1 min 1 s",
		2*time.Hour + 3*time.Minute: "2 h 3 min", 49 * time.Hour: "2 d 1 h",
	} {
		if got := ago(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
