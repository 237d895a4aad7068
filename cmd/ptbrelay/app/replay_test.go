package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/relay/admit"
	"ptbrelay/relay/outcome"
)

var update = flag.Bool("update", false, "write the golden files anew")

// captures is where those that ship are.
const captures = "../../../integration/testdata"

// taught is [classifytest.Policy] as a configuration.
const taught = `
vips: [192.0.2.1, "2001:db8:ffff::1"]
policy: {ports: [443, 53], mtu: {max: 1500}, strict: true}
`

// timed is a packet with the time since the first.
type timed struct {
	at     time.Duration
	packet []byte
}

// begun is when the captures that tests make begin.
var begun = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// rawCapture is a pcap of IP packets without link layer.
func rawCapture(t testing.TB, packets []timed) []byte {
	t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriterNanos(&b)
	err := w.WriteFileHeader(1<<18, layers.LinkTypeRaw)
	for _, p := range packets {
		info := gopacket.CaptureInfo{Timestamp: begun.Add(p.at), CaptureLength: len(p.packet), Length: len(p.packet)}
		err = errors.Join(err, w.WritePacket(info, p.packet))
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func writeCapture(t testing.TB, b []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "test.pcap")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// line is a line of JSON: of a packet, or of the totals.
type line struct {
	Packet     uint64
	Time       time.Time
	From       *string
	Family     string
	Verdict    string
	Outcome    string
	Router     netip.Addr
	VIP        netip.Addr
	VIPPort    uint16 `json:"vip_port"`
	Client     netip.Addr
	ClientPort uint16 `json:"client_port"`
	Protocol   string
	MTU        uint32
	Reason     string

	Totals *totals
}

type totals struct {
	Packets, Skipped   uint64
	DurationSeconds    float64 `json:"duration_seconds"`
	Received           map[string]uint64
	Verdicts, Outcomes map[string]map[string]uint64
	Ended              string
}

// parse reads what --format json prints, and checks it against the laws.
func parse(t *testing.T, stdout string) ([]line, totals) {
	t.Helper()
	var lines []line
	d := json.NewDecoder(strings.NewReader(stdout))
	d.DisallowUnknownFields()
	for d.More() {
		var l line
		if err := d.Decode(&l); err != nil {
			t.Fatalf("%v in\n%s", err, stdout)
		}
		lines = append(lines, l)
	}
	if len(lines) == 0 || lines[len(lines)-1].Totals == nil {
		t.Fatalf("no totals in\n%s", stdout)
	}
	packets, sums := lines[:len(lines)-1], *lines[len(lines)-1].Totals
	checkTotals(t, packets, sums)
	return packets, sums
}

// checkTotals counts the lines: they add up to the totals, and these to each other.
func checkTotals(t *testing.T, packets []line, sums totals) {
	t.Helper()
	counted := totals{
		Packets: uint64(len(packets)), Skipped: sums.Skipped, DurationSeconds: sums.DurationSeconds, Ended: sums.Ended,
		Received: make(map[string]uint64), Verdicts: make(map[string]map[string]uint64), Outcomes: make(map[string]map[string]uint64),
	}
	add := func(counts map[string]map[string]uint64, family, name string) {
		if counts[family] == nil {
			counts[family] = make(map[string]uint64)
		}
		counts[family][name]++
	}
	for _, p := range packets {
		counted.Received[p.Family]++
		add(counted.Verdicts, p.Family, p.Verdict)
		if (p.Verdict == "eligible") != (p.Outcome != "") || p.Reason == "" {
			t.Errorf("%+v", p)
		}
		if p.Outcome != "" {
			add(counted.Outcomes, p.Family, p.Outcome)
		}
	}
	if diff := cmp.Diff(counted, sums); diff != "" {
		t.Errorf("the totals are not those of the lines:\n%s", diff)
	}
}

// What is printed is read by people and scripts: it changes only on purpose.
func TestReplayGolden(t *testing.T) {
	for _, c := range []struct{ capture, golden, config string }{
		{"blackhole.pcap", "blackhole.txt", "{}"},
		{"blackhole.pcap", "blackhole.json", "relay: {dry_run: true}"},
		{"garbage.pcapng", "garbage.txt", taught},
	} {
		t.Run(c.golden, func(t *testing.T) {
			args := []string{"replay", "-c", write(t, c.config), filepath.Join(captures, c.capture)}
			if filepath.Ext(c.golden) == ".json" {
				args = append(args, "--format", "json")
			}
			code, stdout, stderr := run(t, args...)
			if code != exitOK || stderr != "" {
				t.Fatalf("exit %d, stderr %q", code, stderr)
			}
			golden := filepath.Join("testdata/replay", c.golden)
			if *update {
				if err := os.WriteFile(golden, []byte(stdout), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), stdout); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Every packet of the corpus has the verdict that is known of it.
func TestReplayVerdicts(t *testing.T) {
	var packets []timed
	corpus := classifytest.Corpus()
	for _, c := range corpus {
		packets = append(packets, timed{0, c.Packet})
	}
	path := writeCapture(t, rawCapture(t, packets))
	code, stdout, stderr := run(t, "replay", "-c", write(t, taught), "--format", "json", path)
	if code != exitOK || stderr != "" {
		t.Fatalf("exit %d, stderr %q", code, stderr)
	}
	lines, _ := parse(t, stdout)
	if len(lines) != len(corpus) {
		t.Fatalf("%d lines of %d packets", len(lines), len(corpus))
	}
	for i, c := range corpus {
		if l := lines[i]; l.Verdict != c.Verdict.String() || l.Packet != uint64(i+1) || !l.Time.Equal(begun) {
			t.Errorf("%s: %+v", c.Name, l)
		}
	}
}

// limited is a configuration whose budgets are soon used up, each of them.
const limited = `
relay: {limits: {node: 20, node_burst: 40, router: 5, router_burst: 10, client: 1, client_burst: 1}}
`

// stormy is PTBs about random flows of few clients, by few routers, for 30 s.
func stormy() (packets []timed) {
	r := rand.New(rand.NewPCG(7, 7))
	// The tables count milliseconds since the relay was made, of which the packets'
	// times are a fraction off: no two are apart as much as a limit in the tables.
	for at := time.Duration(0); at < 30*time.Second; at += 7 * time.Millisecond {
		flow, router := r.IntN(400), r.IntN(12)*r.IntN(2) // half of them by one router
		p := classifytest.PTB{
			Router:     netip.AddrFrom4([4]byte{198, 51, 100, byte(router)}),
			Client:     netip.AddrFrom4([4]byte{203, 0, 113, byte(flow / 4)}),
			ClientPort: uint16(20000 + flow),
			MTU:        classify.MTU(1400 - r.IntN(2)),
		}
		packets = append(packets, timed{at, p.Bytes()})
	}
	return packets
}

// Outcomes are those of the very limits, on the packets' clock.
func TestReplayOutcomes(t *testing.T) {
	packets := stormy()
	path := writeCapture(t, rawCapture(t, packets))
	code, stdout, stderr := run(t, "replay", "-c", write(t, limited), "--format", "json", path)
	if code != exitOK || stderr != "" {
		t.Fatalf("exit %d, stderr %q", code, stderr)
	}
	lines, _ := parse(t, stdout)
	var decoder classify.Decoder
	admitter := admit.New()
	limits := admit.Limits{Node: admit.PerSecond(20, 40), Router: admit.PerSecond(5, 10), Client: admit.PerSecond(1, 1)}
	seen := make(map[outcome.Outcome]int)
	for i, p := range packets {
		m, _ := decoder.Decode(p.packet)
		want, admitted := admitter.Admit(int64(p.at), m, &limits)
		if admitted {
			want = outcome.Relayed
		}
		seen[want]++
		if lines[i].Outcome != want.String() {
			t.Errorf("packet %d: %s, want %s", i+1, lines[i].Outcome, want)
		}
	}
	for _, o := range []outcome.Outcome{outcome.Relayed, outcome.Duplicate, outcome.LimitedClient, outcome.LimitedRouter, outcome.LimitedNode, outcome.Deferred} {
		if seen[o] == 0 {
			t.Errorf("none was %s", o)
		}
	}
}

// A duplicate's reason tells when the copy was, which is in the lines.
func TestReplayDuplicates(t *testing.T) {
	path := writeCapture(t, rawCapture(t, stormy()))
	_, stdout, _ := run(t, "replay", "-c", write(t, "{}"), "--format", "json", path)
	lines, _ := parse(t, stdout)
	type key struct {
		client netip.AddrPort
		mtu    uint32
	}
	copies := make(map[key]time.Time)
	duplicates := 0
	for _, l := range lines {
		k := key{netip.AddrPortFrom(l.Client, l.ClientPort), l.MTU}
		switch l.Outcome {
		case "relayed":
			copies[k] = l.Time
		case "duplicate":
			duplicates++
			want := fmt.Sprintf("the same flow and MTU had a copy %.6f s ago", l.Time.Sub(copies[k]).Seconds())
			if l.Reason != want && l.Reason != "the same flow and MTU had a copy in the last 10 s" {
				t.Errorf("packet %d: %q, want %q", l.Packet, l.Reason, want)
			}
		}
	}
	if duplicates == 0 {
		t.Error("there are no duplicates")
	}
}

// A file that is cut off is replayed up to there; then comes the error.
func TestReplayCutFile(t *testing.T) {
	packets := stormy()[:3]
	whole := rawCapture(t, packets)
	for _, cut := range []int{1, len(packets[2].packet), len(packets[2].packet) + 15} {
		for _, format := range []string{"text", "json"} {
			path := writeCapture(t, whole[:len(whole)-cut])
			code, stdout, stderr := run(t, "replay", "-c", write(t, "{}"), "--format", format, path)
			if code != exitFailure || !strings.HasPrefix(stderr, "ptbrelay: "+path+": packet 3 at byte ") || strings.Count(stderr, "\n") != 1 {
				t.Errorf("without the last %d bytes: exit %d, stderr %q", cut, code, stderr)
			}
			if format == "json" {
				lines, sums := parse(t, stdout)
				if len(lines) != 2 || !strings.Contains(sums.Ended, "packet 3 at byte ") {
					t.Errorf("without the last %d bytes: %s", cut, stdout)
				}
			} else if !strings.Contains(stdout, "\n2 packets in 0.007000 s\n") {
				t.Errorf("without the last %d bytes: %s", cut, stdout)
			}
		}
	}
}

// Numbers are those of frames in the file, skipped ones too; each capture that
// ships says the same as text and as JSON.
func TestReplayNumbers(t *testing.T) {
	for name, before := range map[string]int{"blackhole.pcap": 0, "garbage.pcapng": 3, "routers.pcap.gz": 0} {
		path := filepath.Join(captures, name)
		_, text, _ := run(t, "replay", "-c", write(t, "{}"), path)
		_, stdout, _ := run(t, "replay", "-c", write(t, "{}"), "--format", "json", path)
		lines, sums := parse(t, stdout)
		if sums.Skipped != uint64(before) {
			t.Errorf("%s: %d frames skipped, want %d", name, sums.Skipped, before)
		}
		shown := strings.Split(text, "\n")[1:]
		for i, l := range lines {
			fields := strings.Fields(shown[i])
			if l.Packet != uint64(before+i+1) || fields[0] != fmt.Sprint(l.Packet) || fields[2] != l.Verdict || !strings.HasSuffix(shown[i], "  "+l.Reason) {
				t.Errorf("%s: %+v\n%s", name, l, shown[i])
			}
		}
	}
}

// Packets of a pipe are shown before the next ones come; Ctrl-C ends the wait for
// those and shows the totals so far.
func TestReplayPipe(t *testing.T) {
	packets := stormy()[:3]
	whole := rawCapture(t, packets)
	in, feed := io.Pipe()
	shown, out := io.Pipe()
	ctx, interrupt := context.WithCancel(t.Context())
	var stderr bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		code := Run(ctx, []string{"replay", "-c", write(t, "{}"), "--format", "json", "-"}, in, out, &stderr)
		_ = out.Close()
		ended <- code
	}()
	go func() { _, _ = feed.Write(whole[:len(whole)-1]) }()
	d := json.NewDecoder(shown)
	for i := range 2 {
		var l line
		if err := d.Decode(&l); err != nil || l.Packet != uint64(i+1) {
			t.Fatalf("%+v %v", l, err)
		}
	}
	interrupt()
	var last line
	if err := d.Decode(&last); err != nil || last.Totals == nil || last.Totals.Packets != 2 || last.Totals.Ended != "interrupted" {
		t.Errorf("%+v %v", last, err)
	}
	if code := <-ended; code != exitInterrupted || stderr.String() != "ptbrelay: interrupted\n" {
		t.Errorf("exit %d, stderr %q", code, &stderr)
	}
}

// fullDisk takes so many bytes.
type fullDisk struct{ room int }

func (d *fullDisk) Write(b []byte) (int, error) {
	if d.room -= len(b); d.room < 0 {
		return 0, errors.New("no space left on device")
	}
	return len(b), nil
}

// Where what it says cannot be written, it stops, and says that.
func TestReplayToFullDisk(t *testing.T) {
	path := writeCapture(t, rawCapture(t, stormy()))
	for _, format := range []string{"text", "json"} {
		disk := &fullDisk{room: 10_000}
		var stderr bytes.Buffer
		code := Run(t.Context(), []string{"replay", "-c", write(t, "{}"), "--format", format, path}, nil, disk, &stderr)
		if code != exitFailure || stderr.String() != "ptbrelay: no space left on device\n" || disk.room < -100_000 {
			t.Errorf("exit %d, stderr %q, %d bytes too many", code, &stderr, -disk.room)
		}
	}
}

// A clock that jumps back neither ends windows early nor opens the budgets.
func TestReplayOfJumpingClock(t *testing.T) {
	ptb := classifytest.PTB{}.Bytes()
	path := writeCapture(t, rawCapture(t, []timed{{0, ptb}, {-time.Hour, ptb}, {100 * time.Millisecond, ptb}, {160 * time.Millisecond, ptb}}))
	_, stdout, _ := run(t, "replay", "-c", write(t, "{}"), "--format", "json", path)
	lines, sums := parse(t, stdout)
	var outcomes []string
	for _, l := range lines {
		outcomes = append(outcomes, l.Outcome)
	}
	if diff := cmp.Diff([]string{"relayed", "duplicate", "duplicate", "relayed"}, outcomes); diff != "" {
		t.Error(diff)
	}
	if sums.DurationSeconds != 3600.16 {
		t.Errorf("%v s from the earliest to the latest", sums.DurationSeconds)
	}
}

// BenchmarkReplay replays a million packets: PTBs about as many flows, and the TCP
// that a capture without a filter is full of.
func BenchmarkReplay(b *testing.B) {
	const n = 1_000_000
	tcp := classifytest.SYN{Payload: make([]byte, 96)}.Bytes()
	packets := make([]timed, n)
	for i := range packets {
		packets[i] = timed{time.Duration(i) * 10 * time.Microsecond, tcp}
		if i%2 == 0 {
			packets[i].packet = classifytest.PTB{
				Client: netip.AddrFrom4([4]byte{203, 0, byte(i >> 16), byte(i >> 8)}), ClientPort: uint16(1 + i>>1),
			}.Bytes()
		}
	}
	path := writeCapture(b, rawCapture(b, packets))
	config := filepath.Join(b.TempDir(), "config.yaml")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		b.Fatal(err)
	}
	for _, format := range []string{"text", "json"} {
		b.Run(format, func(b *testing.B) {
			for b.Loop() {
				if code := Run(b.Context(), []string{"replay", "-c", config, "--format", format, path}, nil, io.Discard, io.Discard); code != exitOK {
					b.Fatalf("exit code %d", code)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/packet")
		})
	}
}
