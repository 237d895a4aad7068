package bench

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"ptbrelay/audit"
	"ptbrelay/classify"
	"ptbrelay/classify/classifytest"
	"ptbrelay/integration/labtest"
)

const (
	// filePackets are in a file. Of ten of them, two are PTBs, two open a connection
	// and six carry data, of which dataBytes were captured.
	filePackets = 1_000_000
	dataBytes   = 96
	// fileMemory bounds what a command may have resident at any time, in MiB: less
	// than the file is long, and than what replay prints.
	fileMemory = 80
)

// BenchmarkFiles measures what the commands take that read a capture.
func BenchmarkFiles(b *testing.B) {
	plain := writeCapture(b)
	packed := pack(b, plain)
	for _, c := range []struct {
		name string
		args []string
		done func(printed []byte) error
	}{
		{"audit/pcap", []string{"audit", "--format", "json", "--pcap", plain}, auditedAll},
		{"audit/gzip", []string{"audit", "--format", "json", "--pcap", packed}, auditedAll},
		{"replay/text", []string{"replay", plain}, replayedAll},
		{"replay/json", []string{"replay", "--format", "json", plain}, replayedAllJSON},
	} {
		b.Run(c.name, func(b *testing.B) {
			var peak float64
			for b.Loop() {
				printed, resident := runOnFile(b, c.args)
				if err := c.done(printed); err != nil {
					b.Fatal(err)
				}
				peak = max(peak, resident)
			}
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/million")
			b.ReportMetric(peak, "MiB")
			b.ReportMetric(0, "ns/op")
			if !labtest.RaceEnabled && (peak == 0 || peak > fileMemory) {
				b.Errorf("%.1f MiB resident, want %d at most", peak, fileMemory)
			}
		})
	}
}

// writeCapture makes a pcap and returns its path.
func writeCapture(b *testing.B) (path string) {
	b.Helper()
	path = filepath.Join(b.TempDir(), "capture.pcap")
	file, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	out := bufio.NewWriterSize(file, 1<<20)
	w := pcapgo.NewWriter(out)
	if err := w.WriteFileHeader(1<<18, layers.LinkTypeEthernet); err != nil {
		b.Fatal(err)
	}
	next := newMixture()
	begin := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for i := range filePackets {
		frame, whole := next.frame(uint32(i))
		at := begin.Add(time.Duration(i) * 100 * time.Microsecond)
		if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(frame), Length: whole}, frame); err != nil {
			b.Fatal(err)
		}
	}
	if err := out.Flush(); err != nil {
		b.Fatal(err)
	}
	return path
}

// mixture is the frames of a capture.
type mixture struct {
	ptbs       [2]*numbered // by family
	syns, data [2][]byte
	buffer     []byte
}

func newMixture() *mixture {
	m := new(mixture)
	clients := [2]netip.Addr{netip.MustParseAddr("10.0.0.9"), classifytest.Client6} // the second and third byte change, and the third group
	for i, f := range []classify.Family{classify.IPv4, classify.IPv6} {
		m.ptbs[i] = newNumbered(f, onWire(classifytest.PTB{Family: f}.Bytes()))
		m.syns[i] = onWire(classifytest.SYN{Family: f, Client: clients[i]}.Bytes())
		m.data[i] = onWire(classifytest.SYN{Family: f, Flags: new(uint8(0x10)), Payload: make([]byte, 1400)}.Bytes())
	}
	return m
}

// onWire puts a packet behind an Ethernet header without addresses.
func onWire(packet []byte) []byte { return labtest.Ethernet([6]byte{}, [6]byte{}, packet) }

// frame is what was captured of frame number i, valid until the next one, and how
// long the whole is: PTBs about a flow each, SYNs from many networks.
func (m *mixture) frame(i uint32) (captured []byte, whole int) {
	family := i % 2
	switch i % 10 {
	case 0, 1:
		m.buffer = m.ptbs[family].put(m.buffer, i, 0)
		return m.buffer, len(m.buffer)
	case 2, 3:
		const client4, client6 = 14 + 12, 14 + 8 // where the client's address begins
		network := [2]int{client4 + 1, client6 + 4}[family]
		binary.BigEndian.PutUint16(m.syns[family][network:], uint16(i/10))
		return m.syns[family], len(m.syns[family])
	}
	return m.data[family][:dataBytes], len(m.data[family])
}

// pack makes a gzip of a file and returns its path.
func pack(b *testing.B, path string) (packed string) {
	b.Helper()
	packed = path + ".gz"
	from, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer from.Close()
	to, err := os.Create(packed)
	if err != nil {
		b.Fatal(err)
	}
	defer to.Close()
	z, err := gzip.NewWriterLevel(to, gzip.BestSpeed)
	if err == nil {
		_, err = io.Copy(z, from)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
	return packed
}

// ending keeps the last of what is written to it: reports are short, and of what
// replay prints the last line counts.
type ending struct{ tail []byte }

func (e *ending) Write(p []byte) (int, error) {
	const kept = 256 << 10
	e.tail = append(e.tail, p...)
	if len(e.tail) > 2*kept {
		e.tail = append(e.tail[:0], e.tail[len(e.tail)-kept:]...)
	}
	return len(p), nil
}

// runOnFile runs a command to its end and returns the end of what it printed, and
// the most that it had resident, in MiB.
func runOnFile(b *testing.B, args []string) (printed []byte, peak float64) {
	b.Helper()
	c := exec.CommandContext(b.Context(), "/proc/self/exe", args...)
	c.Env = append(os.Environ(), labtest.ActAsDaemon+"=1")
	var out, said ending
	c.Stdout, c.Stderr = &out, &said
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	stop, watched := make(chan struct{}), make(chan float64)
	go func() { watched <- watchPeak(c.Process.Pid, stop) }()
	err := c.Wait()
	close(stop)
	peak = <-watched
	if err != nil {
		b.Fatalf("%v: %v: %s", args, err, said.tail)
	}
	return out.tail, peak
}

// watchPeak looks at a process until it is told to stop or the process has ended,
// and returns VmHWM in MiB (proc_pid_status(5)). The kernel's own ru_maxrss begins
// with that of the process that started it (exec_mmap in fs/exec.c).
func watchPeak(pid int, stop <-chan struct{}) (peak float64) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // none: it has ended
		if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
			kib, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			peak = max(peak, kib/1024)
		}
		select {
		case <-stop:
			return peak
		case <-tick.C:
		}
	}
}

// auditedAll says whether a report is of the whole file.
func auditedAll(printed []byte) error {
	var r audit.Report
	if err := json.Unmarshal(printed, &r); err != nil {
		return err
	}
	eligible := r.Messages.Verdicts["ipv4"]["eligible"] + r.Messages.Verdicts["ipv6"]["eligible"]
	syns := r.Messages.SYNs["ipv4"] + r.Messages.SYNs["ipv6"]
	if r.Messages.Packets != filePackets || eligible != filePackets/5 || syns != filePackets/5 {
		return fmt.Errorf("a report of %+v", r.Messages)
	}
	return nil
}

// replayedAll says whether the totals are of the whole file.
func replayedAll(printed []byte) error {
	if !bytes.Contains(printed, fmt.Appendf(nil, "%d packets", filePackets)) {
		return fmt.Errorf("it ends in %s", printed[max(0, len(printed)-500):])
	}
	return nil
}

func replayedAllJSON(printed []byte) error {
	lines := bytes.Split(bytes.TrimSpace(printed), []byte("\n"))
	var last struct{ Totals struct{ Packets int } }
	if err := json.Unmarshal(lines[len(lines)-1], &last); err != nil {
		return err
	}
	if last.Totals.Packets != filePackets {
		return fmt.Errorf("the totals are %s", lines[len(lines)-1])
	}
	return nil
}
