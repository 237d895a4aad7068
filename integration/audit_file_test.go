package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket/layers"
	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"ptbrelay/audit"
	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
)

// systems are the autonomous systems of [sources]; one network belongs to none.
var systems = map[string]mmdbtype.Map{
	"198.51.100.0/24": systemRecord(64496, "Example"),
	"203.0.113.0/24":  systemRecord(64497, ""),
	"2001:db8:a::/48": systemRecord(64496, "Example"),
	"2001:db8:b::/48": systemRecord(64498, "Another Example"),
	"2001:db8:c::/48": systemRecord(64498, "Another Example"),
}

func systemRecord(number uint32, name string) mmdbtype.Map {
	r := mmdbtype.Map{"autonomous_system_number": mmdbtype.Uint32(number)}
	if name != "" {
		r["autonomous_system_organization"] = mmdbtype.String(name)
	}
	return r
}

// withSystems is a configuration that knows them.
func withSystems(t testing.TB) (path string) {
	t.Helper()
	db, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "Test-ASN", IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	for prefix, record := range systems {
		_, network, err := net.ParseCIDR(prefix)
		if err == nil {
			err = db.Insert(network, record)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := db.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return writeConfig(t, fmt.Sprintf("audit: {asn_db: %q}\n", saved(t, b.Bytes())))
}

// saved is the path of a file with this in it.
func saved(t testing.TB, content []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// bigHost is a node whose links and addresses would make other verdicts, if they
// entered.
func bigHost(t testing.TB) *lab.Node {
	t.Helper()
	n := labtest.Node(t, "big")
	if err := n.Handle().LinkSetMTU(addSide(t, n), 9000); err != nil {
		t.Fatal(err)
	}
	labtest.HoldAddresses(t, n, classifytest.VIP4, classifytest.Client6)
	return n
}

// The audit of a capture says what is known to be in it: the published shares to a
// tenth of a per cent, and every count exactly. So it does whatever the file's
// format, and on any host.
func TestAuditFile(t *testing.T) {
	here, big := labtest.Node(t, "here"), bigHost(t)
	all := edgeTraffic()
	frames := all.order()
	plain := pcapOf(t, frames)
	packed := gzipOf(t, plain)
	path, config := saved(t, plain), withSystems(t)
	args := []string{"-c", config, "--format", "json", "--pcap"}
	first := startAudit(t, here, append(args, path)...).exits(0)
	r := first.report()
	checkMessages(t, r, all)
	checkDistributions(t, r, all)
	checkPublished(t, r)
	checkNetworks(t, "PTBs", r.Networks.PTBs, all.ptbs)
	checkNetworks(t, "SYNs", r.Networks.SYNs, all.syns)
	if took := time.Duration(len(frames)-1) * apart; r.Source != audit.File || !r.Begun.Equal(noon) ||
		math.Abs(r.Seconds-took.Seconds()) > 1e-6 || r.Ended != "" || r.Host != nil {
		t.Errorf("source %s, begun %v, %v s, ended %q, host %v", r.Source, r.Begun, r.Seconds, r.Ended, r.Host)
	}
	checkReportText(t, startAudit(t, here, "-c", config, "--pcap", path).exits(0).stdout.String(), r)

	for how, again := range map[string]*auditing{
		"gzip, on another host": startAudit(t, big, append(args, saved(t, packed))...),
		"gzip on stdin":         startAuditWith(t, here, bytes.NewReader(packed), nil, append(args, "-")...),
		"pcapng on stdin":       startAuditWith(t, big, bytes.NewReader(pcapngOf(t, frames)), nil, append(args, "-")...),
	} {
		again.exits(0)
		if diff := cmp.Diff(first.stdout.String(), again.stdout.String()); diff != "" {
			t.Errorf("%s it is another report:\n%s", how, diff)
		}
		if said := again.stderr.String(); said != "" {
			t.Errorf("%s it says %q", how, said)
		}
	}
}

func checkMessages(t *testing.T, r *audit.Report, all traffic) {
	t.Helper()
	want := audit.Messages{
		Packets: sumOf(all.ptbs) + sumOf(all.syns) + sumOf(all.others), Verdicts: make(map[string]map[string]uint64),
		SYNs: counted(all.syns, func(k kind) (string, bool) { return k.family.String(), true }),
	}
	if want.Packets < 100_000 {
		t.Errorf("%d packets, want more to be sure", want.Packets)
	}
	for _, f := range []classify.Family{classify.IPv4, classify.IPv6} {
		want.Verdicts[f.String()] = counted(all.ptbs, func(k kind) (string, bool) { return k.verdict, k.family == f })
	}
	if diff := cmp.Diff(want, r.Messages); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// checkDistributions compares every count, and shares with what they are shares of.
func checkDistributions(t *testing.T, r *audit.Report, all traffic) {
	t.Helper()
	for i, f := range []classify.Family{classify.IPv4, classify.IPv6} {
		for what, d := range map[string]struct {
			got    audit.Values
			kinds  []kind
			shares []share
		}{"next-hop MTU": {r.NextHopMTU[i], all.ptbs, reported[f]}, "MSS": {r.MSS[i], all.syns, offered[f]}} {
			if diff := cmp.Diff(byValue(d.kinds, f), valueCounts(d.got)); diff != "" || d.got.Family != f.String() {
				t.Errorf("%s, %s: -want +got:\n%s", what, d.got.Family, diff)
			}
			for _, c := range d.got.Counts {
				same := slices.IndexFunc(d.shares, func(s share) bool { return s.value == c.Bytes })
				if same < 0 || !nearly(c.Share, float64(d.shares[same].thousand)/1000) {
					t.Errorf("%s, %v: %d has a share of %v", what, f, c.Bytes, c.Share)
				}
			}
		}
	}
}

// nearly is to a tenth of a per cent.
func nearly(got, want float64) bool { return math.Abs(got-want) <= 0.0005 }

// checkPublished compares the answer to which MTU an edge should use.
func checkPublished(t *testing.T, r *audit.Report) {
	t.Helper()
	for _, p := range published {
		if got := sparedBy(r, p.family, audit.ClientMSS, p.mtu); !nearly(got, p.share) {
			t.Errorf("%v: with an MTU of %d a share of %v never needs discovery, want %v", p.family, p.mtu, got, p.share)
		}
	}
	for _, e := range r.Edge {
		if !e.Enough || e.Samples < somePTBs {
			t.Errorf("%s, %s: %d samples, enough %v", e.Family, e.Side, e.Samples, e.Enough)
		}
	}
}

// sparedBy is a line of an edge, NaN where there is none.
func sparedBy(r *audit.Report, f classify.Family, side audit.Side, mtu uint32) float64 {
	for _, e := range r.Edge {
		for _, l := range e.Lines {
			if e.Family == f.String() && e.Side == side && l.MTU == mtu {
				return l.Spared
			}
		}
	}
	return math.NaN()
}

// checkNetworks compares where messages come from: few enough networks for exact
// counts.
func checkNetworks(t *testing.T, what string, got audit.NetworkSide, kinds []kind) {
	t.Helper()
	whole := sumOf(kinds)
	compare := func(of string, want, counts map[string]uint64) {
		t.Helper()
		if diff := cmp.Diff(want, counts); diff != "" {
			t.Errorf("%s, %s: -want +got:\n%s", what, of, diff)
		}
	}
	prefixOf := func(k kind) (string, bool) { return k.prefix.String(), true }
	compare("prefixes", counted(kinds, prefixOf), networkCounts(t, got.Prefixes, whole))
	compare("systems", counted(kinds, systemOf), networkCounts(t, got.Systems, whole))
	compare("next hops", counted(kinds, func(k kind) (string, bool) {
		return net.HardwareAddr(neighbour(k.by)).String(), true
	}), inboundCounts(t, got.NextHops, whole))
	several, severalGot := make(map[string]uint64), make(map[string]uint64)
	for _, of := range sources {
		for _, s := range of {
			if len(s.by) > 1 {
				several[s.prefix] = counted(kinds, prefixOf)[s.prefix]
			}
		}
	}
	for _, s := range got.Several {
		severalGot[s.Prefix] = s.Count
		if len(s.MACs) != 2 || s.MACs[0] == s.MACs[1] {
			t.Errorf("%s from %s came by %v", what, s.Prefix, s.MACs)
		}
	}
	compare("networks by several next hops", several, severalGot)
	if got.Samples != whole || got.Missed != 0 {
		t.Errorf("%s: %d looked at, %d missed, of %d", what, got.Samples, got.Missed, whole)
	}
}

// systemOf is the system of a packet's source, as the report calls it.
func systemOf(k kind) (name string, ok bool) {
	record, ok := systems[k.prefix.String()]
	if !ok {
		return "", false
	}
	name = fmt.Sprintf("AS%d", record["autonomous_system_number"])
	if organisation, named := record["autonomous_system_organization"]; named {
		name += fmt.Sprintf(" %s", organisation)
	}
	return name, true
}

// networkCounts are those of a list, which must be sorted and have the right shares.
func networkCounts(t *testing.T, list []audit.Network, whole uint64) map[string]uint64 {
	t.Helper()
	counts := make(map[string]uint64)
	for i, n := range list {
		counts[n.Name] += n.Count
		if n.Error != 0 || !nearly(n.Share, float64(n.Count)/float64(whole)) || i > 0 && list[i-1].Count < n.Count {
			t.Errorf("%d of %d, after %v: %+v", i, len(list), list[:i], n)
		}
	}
	return counts
}

func inboundCounts(t *testing.T, list []audit.Inbound, whole uint64) map[string]uint64 {
	t.Helper()
	counts := make(map[string]uint64)
	for _, n := range list {
		counts[n.MAC] += n.Count
		if n.Error != 0 || !nearly(n.Share, float64(n.Count)/float64(whole)) {
			t.Errorf("%+v of %d", n, whole)
		}
	}
	return counts
}

// checkReportText fails the test unless the text has the same numbers: of each value its
// share, of each MTU what it spares both families, with one decimal.
func checkReportText(t *testing.T, text string, r *audit.Report) {
	t.Helper()
	rows := make(map[string]bool) // cells, without bars
	for line := range strings.Lines(text) {
		cells := slices.DeleteFunc(strings.Fields(line), func(cell string) bool { return strings.ContainsAny(cell, "▏▎▍▌▋▊▉█") })
		rows[strings.Join(cells, " ")] = true
	}
	percent := func(share float64) string { return strconv.FormatFloat(100*share, 'f', 1, 64) + " %" }
	for _, v := range r.NextHopMTU {
		for _, c := range v.Counts {
			if row := fmt.Sprintf("%d %s %s", c.Bytes, percent(c.Share), percent(c.Cumulative)); !rows[row] {
				t.Errorf("no line %q", row)
			}
		}
	}
	for _, v := range r.MSS {
		for _, c := range v.Counts {
			if row := fmt.Sprintf("%d %d %s %s", c.Bytes, c.MTU, percent(c.Share), percent(c.Cumulative)); !rows[row] {
				t.Errorf("no line %q", row)
			}
		}
	}
	// Of 1420 and 1400 both families have a line.
	for _, row := range []string{"1420 89.8 % 90.2 %", "1400 94.0 % 93.2 %"} {
		if !rows[row] {
			t.Errorf("no line %q", row)
		}
	}
	for _, words := range []string{"198.51.100.0/24", "AS64498 Another Example", "02:00:5e:00:02:03", "02:00:5e:00:02:01, 02:00:5e:00:02:02"} {
		if !strings.Contains(text, words) && !strings.Contains(text, swapped(words)) {
			t.Errorf("no %q", words)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

// swapped has the two parts of a list in the other order.
func swapped(list string) string {
	first, second, _ := strings.Cut(list, ", ")
	return second + ", " + first
}

// A configuration narrows what counts: verdicts are those of the corpus, SYNs those
// to its VIPs and ports. Connections to others, and fragments, are nobody's PTBs.
func TestAuditFileNarrowed(t *testing.T) {
	n := labtest.Node(t, "host")
	want := audit.Messages{Verdicts: make(map[string]map[string]uint64), SYNs: map[string]uint64{"ipv4": 1, "ipv6": 2}}
	var frames [][]byte
	for _, c := range classifytest.Corpus() {
		var d classify.Decoder
		m, _ := d.Decode(c.Packet)
		if slices.Contains([]classify.Verdict{classify.NotIP, classify.Truncated, classify.Fragment}, c.Verdict) {
			continue // of these not all are counted: see TestAuditFileOfFragments
		}
		if c.Verdict != classify.NotPTB {
			family := m.Family.String()
			if want.Verdicts[family] == nil {
				want.Verdicts[family] = make(map[string]uint64)
			}
			want.Verdicts[family][c.Verdict.String()]++
		}
		frames = append(frames, ethernet(c.Packet))
	}
	for _, s := range []classifytest.SYN{
		{}, {Family: classify.IPv6}, {Family: classify.IPv6, ServerPort: 53},
		{ServerPort: 80}, {Server: classifytest.Client4}, {Family: classify.IPv6, Server: classifytest.Router6},
	} {
		frames = append(frames, ethernet(s.Bytes()))
	}
	want.Packets = uint64(len(frames))
	args := []string{"-c", writeConfig(t, strict), "--pcap", saved(t, pcapOf(t, frames)), "--format", "json"}
	if diff := cmp.Diff(want, startAudit(t, n, args...).exits(0).report().Messages); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What is no whole packet counts as a PTB only if it is ICMP.
func TestAuditFileOfFragments(t *testing.T) {
	n := labtest.Node(t, "host")
	ptb := classifytest.PTB{QuoteBytes: 528}
	ptb6 := classifytest.PTB{Family: classify.IPv6, QuoteBytes: 528}
	first, cut6 := ptb, ptb6
	first.MoreFragments, cut6.Cut = true, 300
	piece6 := ptb6
	piece6.Extensions = []classifytest.Extension{classifytest.Fragment(0, true)}
	var frames [][]byte
	for _, packet := range [][]byte{
		fragment(classify.IPv4), fragment(classify.IPv6), // UDP
		classifytest.SYN{Payload: make([]byte, 400), Flags: new(uint8(0x10)), Cut: 350}.Bytes(), // data
		first.Bytes(), piece6.Bytes(), cut6.Bytes(),
		classifytest.SYN{MoreFragments: true}.Bytes(),
	} {
		frames = append(frames, ethernet(packet))
	}
	got := startAudit(t, n, "--pcap", saved(t, pcapOf(t, frames)), "--format", "json").exits(0).report().Messages
	want := audit.Messages{
		Packets:  uint64(len(frames)),
		Verdicts: map[string]map[string]uint64{"ipv4": {"fragment": 1}, "ipv6": {"fragment": 1, "truncated": 1}},
		SYNs:     map[string]uint64{"ipv4": 1, "ipv6": 0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Of a file that is cut off or broken there is the report so far, and an error.
func TestAuditBrokenFile(t *testing.T) {
	n := labtest.Node(t, "host")
	const whole = 3000
	frames := slices.Repeat([][]byte{ethernet(classifytest.PTB{}.Bytes())}, whole)
	plain := pcapOf(t, frames)
	record := 16 + len(frames[0])
	broken := slices.Clone(plain)
	for i := range 16 { // the header of the record in the middle
		broken[24+whole/2*record+i] = 0xff
	}
	packed := gzipOf(t, plain)
	for _, c := range []struct {
		name    string
		file    []byte
		packets int // -1: most of them
		says    string
	}{
		{"cut off", plain[:len(plain)-10], whole - 1, "packet 3000"},
		{"cut off in a record's header", plain[:len(plain)-record+3], whole - 1, "packet 3000"},
		{"broken in the middle", broken, whole / 2, "packet 1501"},
		{"gzip cut off", packed[:len(packed)-9], -1, "gzip"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := saved(t, c.file)
			a := startAudit(t, n, "--pcap", path, "--format", "json").exits(1)
			checkError(t, a.stderr.String(), c.says)
			r := a.report()
			if n := r.Messages.Packets; c.packets >= 0 && n != uint64(c.packets) || n > whole || n < whole/2 ||
				r.Messages.Verdicts["ipv4"]["eligible"] != r.Messages.Packets {
				t.Errorf("of %d packets %+v, want %d", whole, r.Messages, c.packets)
			}
			if !strings.Contains(r.Ended, c.says) || !strings.Contains(a.stderr.String(), r.Ended) {
				t.Errorf("ended %q, said %q", r.Ended, &a.stderr)
			}
			text := startAudit(t, n, "--pcap", path).exits(1).stdout.String()
			if !strings.Contains(text, r.Ended) {
				t.Errorf("the text does not say %q:\n%s", r.Ended, text)
			}
		})
	}
}

// What is no capture gets no report.
func TestAuditNoFile(t *testing.T) {
	n := labtest.Node(t, "host")
	noise := make([]byte, 10_000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	folder := t.TempDir()
	for name, c := range map[string]struct{ path, says string }{
		"noise":      {saved(t, noise), "pcap"},
		"text":       {saved(t, []byte(strings.Repeat("Packet Too Big\n", 100))), "pcap"},
		"empty":      {saved(t, nil), "empty"},
		"gzip noise": {saved(t, gzipOf(t, noise)), "pcap"},
		"missing":    {filepath.Join(folder, "missing"), "no such file"},
		"folder":     {folder, "directory"},
	} {
		t.Run(name, func(t *testing.T) { startAudit(t, n, "--pcap", c.path).refuses(c.says) })
	}
	for name, c := range map[string]struct{ config, says string }{
		"no database":      {"audit: {asn_db: " + filepath.Join(folder, "missing") + "}", "no such file"},
		"another database": {"audit: {asn_db: " + saved(t, noise) + "}", "MaxMind"},
		"unknown key":      {"audit: {speed: 1}", "speed"},
		"bad value":        {"policy: {ports: [70000]}", "policy.ports"},
	} {
		t.Run(name, func(t *testing.T) {
			path := saved(t, pcapOf(t, nil))
			startAudit(t, n, "-c", writeConfig(t, c.config+"\n"), "--pcap", path).refuses(c.says)
		})
	}
}

// An empty capture is a report of nothing, without null in it.
func TestAuditEmptyFile(t *testing.T) {
	n := labtest.Node(t, "host")
	a := startAudit(t, n, "--pcap", saved(t, newCapture(t, layers.LinkTypeRaw).buffer.Bytes()), "--format", "json").exits(0)
	if r := a.report(); r.Messages.Packets != 0 || r.Seconds != 0 || r.Ended != "" {
		t.Errorf("%+v", r)
	}
	if !json.Valid([]byte(a.stdout.String())) || strings.Contains(a.stdout.String(), "null") {
		t.Error(a.stdout.String())
	}
}
