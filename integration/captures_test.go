package integration

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"ptbrelay/classify"
	"ptbrelay/cmd/ptbrelay/app"
	"ptbrelay/integration/lab"
	"ptbrelay/integration/labtest"
	"ptbrelay/relay/capture"
)

var update = flag.Bool("update", false, "make the captures and their totals in testdata anew, and "+metricsFile)

// captures are the files that ship in testdata, and what makes each anew. What is
// built is the same each time; what is taken in the lab is not.
var captures = []struct {
	name  string
	make  func(*testing.T) []byte
	built bool
}{
	{"blackhole.pcap", takeBlackhole, false},
	{"garbage.pcapng", buildGarbage, true},
	{"routers.pcap.gz", buildRouters, true},
}

// Each capture is what it is said to be, and replays to the totals beside it.
func TestCaptures(t *testing.T) {
	for _, c := range captures {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join("testdata", c.name)
			if *update {
				writeFile(t, path, c.make(t))
				writeFile(t, path+".json", replayTotals(t, path))
			}
			packed, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if c.built && !bytes.Equal(unpacked(t, c.name, packed), unpacked(t, c.name, c.make(t))) {
				t.Error("it is not what is built; -update writes it anew")
			}
			if len(packed) > 32<<10 {
				t.Errorf("%d bytes, a few thousand are enough", len(packed))
			}
			checkAddresses(t, path)
			want, err := os.ReadFile(path + ".json")
			if err != nil {
				t.Fatal(err)
			}
			if got := replayTotals(t, path); !bytes.Equal(got, want) {
				t.Errorf("replays to\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// unpacked is what is in a file, for compressors differ.
func unpacked(t *testing.T, name string, b []byte) []byte {
	t.Helper()
	if filepath.Ext(name) != ".gz" {
		return b
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	b, err = io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// replayTotals is what `ptbrelay replay` says last, with the defaults, indented.
func replayTotals(t *testing.T, path string) []byte {
	t.Helper()
	defaults := filepath.Join(t.TempDir(), "config.yaml")
	writeFile(t, defaults, "")
	var stdout, stderr bytes.Buffer
	if code := app.Run(t.Context(), []string{"replay", "-c", defaults, "--format", "json", path}, nil, &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d: %s", code, &stderr)
	}
	lines := strings.Split(strings.TrimSuffix(stdout.String(), "\n"), "\n")
	var totals bytes.Buffer
	if err := json.Indent(&totals, []byte(lines[len(lines)-1]), "", "\t"); err != nil {
		t.Fatal(err)
	}
	return append(totals.Bytes(), '\n')
}

// documentation are the prefixes of RFC 5737 and RFC 3849.
var documentation = classify.Prefixes(
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32"))

// isAnybodys tells an address that somebody on the Internet may have.
func isAnybodys(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !documentation.Contains(a)
}

// namesAnybody tells a packet that a reader could take for one of somebody's.
func namesAnybody(packet []byte) bool {
	var d classify.Decoder
	m, _ := d.Decode(packet)
	return isAnybodys(m.Router) || isAnybodys(m.VIP) || m.Flow != (classify.Flow{}) && (isAnybodys(m.Flow.VIP()) || isAnybodys(m.Flow.Client()))
}

func checkAddresses(t *testing.T, path string) {
	t.Helper()
	file, err := capture.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	err = file.Run(t.Context(), func(_ time.Time, batch []capture.Packet) {
		for _, p := range batch {
			if namesAnybody(p.Data) {
				t.Errorf("other than documentation addresses in %x", p.Data)
			}
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// takeBlackhole is the PTBs that came in at a server, about its own connections
// and others', while downloads stalled for want of ptbrelay. The router sends those
// of a family to one server; it takes some labs until it is the same for both.
func takeBlackhole(t *testing.T) []byte {
	for range 20 {
		l := labtest.New(t, lab.Options{Clients: 2, Servers: 3, Offload: true})
		taps := labtest.TapServers(t, l)
		labtest.Downloads(t, l, lab.Load{Timeout: 700 * time.Millisecond})
		for _, tap := range taps {
			if ptbs := tap.PTBs(); hasBothFamilies(ptbs) {
				file := newCapture(t, layers.LinkTypeEthernet)
				for _, p := range ptbs {
					file.add(p.Frame.Time, p.Frame.Data)
				}
				return file.buffer.Bytes()
			}
		}
	}
	t.Fatal("in no lab did one server get the PTBs of both families")
	return nil
}

func hasBothFamilies(ptbs []lab.PTB) bool {
	seen := make(map[lab.Family]bool)
	for _, p := range ptbs {
		seen[p.Flow.Family()] = true
	}
	return len(seen) == len(lab.Families())
}

// captureFile is a pcap in the making.
type captureFile struct {
	t      *testing.T
	buffer bytes.Buffer
	writer *pcapgo.Writer
}

func newCapture(t *testing.T, link layers.LinkType) *captureFile {
	t.Helper()
	f := &captureFile{t: t}
	f.writer = pcapgo.NewWriter(&f.buffer)
	if err := f.writer.WriteFileHeader(1<<18, link); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *captureFile) add(at time.Time, frame []byte) {
	f.t.Helper()
	if err := f.writer.WritePacket(captured(at, frame), frame); err != nil {
		f.t.Fatal(err)
	}
}

// captured describes a whole frame.
func captured(at time.Time, frame []byte) gopacket.CaptureInfo {
	return gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(frame), Length: len(frame)}
}
