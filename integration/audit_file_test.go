package integration

import (
	"bytes"
	"fmt"
	"math"
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
	writeFile(t, path, content)
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
